# corbel_add_plugin(NAME SOURCES file.c... [SHADERS file.comp...] [LICENSE SPDX-id] [RELEASE n]
#                   [BUNDLE folder])
#
# Compiles a plugin and makes its bundle, BUNDLE or plugins/NAME in the build folder: the library, LICENSE and
# README.md from beside the sources (or from the project's root), and the manifest. In Corbel's own
# build the bundle is signed with the build's key and installed; elsewhere it is not signed: that is
# for `corbel plugin sign`. Shaders become NAME_of_file.inc, to be included in an initialiser.
#
# The flags make a library that may be loaded: nothing runs at load time, nothing is writable after
# relocation, one symbol is exported. What breaks a rule is refused here, with the rule's name.

include_guard()
include(${CMAKE_CURRENT_LIST_DIR}/CorbelShaders.cmake OPTIONAL)

set(CORBEL_BUNDLE_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/CorbelBundle.cmake)

function(corbel_plugin_library target)
    set_target_properties(${target} PROPERTIES
        PREFIX "" NO_SONAME ON SKIP_BUILD_RPATH ON C_STANDARD 11 C_EXTENSIONS OFF
        C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
    target_compile_options(${target} PRIVATE -Wall -Wextra -fno-common)
    target_link_options(${target} PRIVATE -nostartfiles
        -Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack -Wl,-z,separate-code
        -Wl,--hash-style=gnu -Wl,--no-undefined -Wl,--as-needed)
    target_link_libraries(${target} PRIVATE m)
endfunction()

function(corbel_add_plugin name)
    cmake_parse_arguments(ARG "" "LICENSE;RELEASE;BUNDLE" "SOURCES;SHADERS" ${ARGN})
    if(NOT ARG_SOURCES)
        message(FATAL_ERROR "corbel_add_plugin(${name}): SOURCES is missing")
    endif()
    set(target ${name}_plugin)
    set(bundle ${PROJECT_BINARY_DIR}/plugins/${name})
    if(ARG_BUNDLE)
        set(bundle ${ARG_BUNDLE})
    endif()
    add_library(${target} MODULE ${ARG_SOURCES})
    corbel_plugin_library(${target})
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
    target_include_directories(${target} PRIVATE ${CORBEL_SDK_INCLUDE})
    if(CORBEL_WERROR)
        target_compile_options(${target} PRIVATE -Werror)
    endif()
    if(ARG_SHADERS)
        corbel_compile_shaders(${target} ${ARG_SHADERS})
    endif()

    set(texts "")
    foreach(text LICENSE README.md)
        if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${text})
            list(APPEND texts ${CMAKE_CURRENT_SOURCE_DIR}/${text})
        elseif(text STREQUAL LICENSE AND EXISTS ${PROJECT_SOURCE_DIR}/LICENSE)
            list(APPEND texts ${PROJECT_SOURCE_DIR}/LICENSE)
        endif()
    endforeach()
    set(key "")
    if(TARGET corbel_build_key)
        set(key ${CORBEL_BUILD_SECRET})
    endif()
    add_custom_command(OUTPUT ${bundle}/corbel-plugin.json
        COMMAND ${CMAKE_COMMAND}
            -DTOOL=$<TARGET_FILE:${CORBEL_BUNDLE_TOOL}> -DBUNDLE=${bundle}
            -DLIBRARY=$<TARGET_FILE:${target}> "-DTEXTS=${texts}" -DKEY=${key}
            -DLICENSE=${ARG_LICENSE} -DRELEASE=${ARG_RELEASE}
            -DSOURCE=${CMAKE_CURRENT_SOURCE_DIR} -DBUILDER=corbel_add_plugin
            -P ${CORBEL_BUNDLE_SCRIPT}
        DEPENDS ${target} ${texts} ${CORBEL_BUNDLE_TOOL} ${CORBEL_BUNDLE_SCRIPT}
            $<TARGET_NAME_IF_EXISTS:corbel_build_key>
        COMMENT "Making the bundle ${name}" VERBATIM)
    add_custom_target(${name}_bundle ALL DEPENDS ${bundle}/corbel-plugin.json)
    set_property(GLOBAL APPEND PROPERTY CORBEL_BUNDLES ${name}_bundle)
endfunction()
