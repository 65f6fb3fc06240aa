# corbel_compile_shaders(TARGET SHADERS a.comp b.comp ...)
#
# Compiles GLSL compute shaders to SPIR-V for Vulkan 1.1, as C initialisers that the target's
# sources include by name:
#
#   static const uint32_t gated_mlp[] =
#   #include "gated_mlp.comp.inc"
#   ;
#
# A shader is compiled again when it or anything that it includes changes; one that doesn't compile
# stops the build. Needs glslc (Debian: glslc). Used in the tree and by authors of plugins.

include_guard()

find_program(CORBEL_GLSLC glslc DOC "The GLSL compiler of shaderc")

function(corbel_compile_shaders target)
    cmake_parse_arguments(ARG "" "" "SHADERS" ${ARGN})
    if(NOT CORBEL_GLSLC)
        message(FATAL_ERROR "glslc was not found: ${target} has shaders to compile")
    endif()
    set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target}.shaders)
    file(MAKE_DIRECTORY ${folder})
    set(outputs)
    foreach(shader ${ARG_SHADERS})
        get_filename_component(source ${shader} ABSOLUTE)
        get_filename_component(name ${shader} NAME)
        add_custom_command(
            OUTPUT ${folder}/${name}.inc
            COMMAND ${CORBEL_GLSLC} -mfmt=c -O --target-env=vulkan1.1
                -MD -MF ${folder}/${name}.d -MT ${folder}/${name}.inc
                -o ${folder}/${name}.inc ${source}
            MAIN_DEPENDENCY ${source}
            DEPFILE ${folder}/${name}.d
            COMMENT "Shader ${name}"
            VERBATIM)
        list(APPEND outputs ${folder}/${name}.inc)
    endforeach()
    add_custom_target(${target}_shaders DEPENDS ${outputs})
    add_dependencies(${target} ${target}_shaders)
    target_include_directories(${target} PRIVATE ${folder})
endfunction()
