# corbel_add_plugin(NAME SOURCES file.c... [SHADERS file.comp...] [LICENSE SPDX-id] [RELEASE n]
#                   [BUNDLE folder] [ISOLATED])
#
# Compiles a plugin and makes its bundle, BUNDLE or plugins/NAME in the build folder: the library, LICENSE and
# README.md from beside the sources (or from the project's root), and the manifest. In Corbel's own
# build the bundle is signed with the build's key and installed; elsewhere it is not signed: that is
# for `corbel plugin sign`. Shaders become FILE.comp.inc, to be included in an initialiser.
#
# The flags make a library that may be loaded: nothing runs at load time, nothing is writable after
# relocation, one symbol is exported. What breaks a rule is refused here, with the rule's name.
#
# ISOLATED is for what can't keep these rules: C++ (SOURCES file.cpp, with the exceptions, static
# constructors and variables of that language), or other languages' objects. The manifest says so, and
# the plugin is then only ever loaded into a process that is shut in, never into the host.

include_guard()
include(${CMAKE_CURRENT_LIST_DIR}/CorbelShaders.cmake OPTIONAL)

set(CORBEL_BUNDLE_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/CorbelBundle.cmake)

function(corbel_plugin_library target)
    cmake_parse_arguments(ARG "ISOLATED" "" "" ${ARGN})
    set_target_properties(${target} PROPERTIES
        PREFIX "" NO_SONAME ON SKIP_BUILD_RPATH ON C_STANDARD 11 C_EXTENSIONS OFF
        C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
    target_compile_options(${target} PRIVATE -Wall -Wextra -fno-common)
    if(ARG_ISOLATED)
        set_target_properties(${target} PROPERTIES CXX_VISIBILITY_PRESET hidden
            VISIBILITY_INLINES_HIDDEN ON)
        set(map ${CMAKE_CURRENT_BINARY_DIR}/${target}.map) # templates of libraries are not hidden
        file(CONFIGURE OUTPUT ${map} CONTENT "{ global: corbel_plugin_v1; local: *; };\n" @ONLY)
        target_link_options(${target} PRIVATE -Wl,--version-script=${map})
    else()
        target_link_options(${target} PRIVATE -nostartfiles)
    endif()
    target_link_options(${target} PRIVATE
        -Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack -Wl,-z,separate-code
        -Wl,--hash-style=gnu -Wl,--no-undefined -Wl,--as-needed)
    target_link_libraries(${target} PRIVATE m)
endfunction()

function(corbel_add_plugin name)
    cmake_parse_arguments(ARG "ISOLATED" "LICENSE;RELEASE;BUNDLE" "SOURCES;SHADERS" ${ARGN})
    if(NOT ARG_SOURCES)
        message(FATAL_ERROR "corbel_add_plugin(${name}): SOURCES is missing")
    endif()
    set(target ${name}_plugin)
    set(bundle ${PROJECT_BINARY_DIR}/plugins/${name})
    if(ARG_BUNDLE)
        set(bundle ${ARG_BUNDLE})
    endif()
    add_library(${target} MODULE ${ARG_SOURCES})
    if(ARG_ISOLATED)
        corbel_plugin_library(${target} ISOLATED)
    else()
        corbel_plugin_library(${target})
    endif()
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
    target_include_directories(${target} PRIVATE ${CORBEL_SDK_INCLUDE})
    if(CORBEL_WERROR)
        target_compile_options(${target} PRIVATE -Werror)
    endif()
    if(ARG_SHADERS)
        corbel_compile_shaders(${target} SHADERS ${ARG_SHADERS})
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
            -DLICENSE=${ARG_LICENSE} -DRELEASE=${ARG_RELEASE} -DISOLATED=${ARG_ISOLATED}
            -DSOURCE=${CMAKE_CURRENT_SOURCE_DIR} -DBUILDER=corbel_add_plugin
            -P ${CORBEL_BUNDLE_SCRIPT}
        DEPENDS ${target} ${texts} ${CORBEL_BUNDLE_TOOL} ${CORBEL_BUNDLE_SCRIPT}
            $<TARGET_NAME_IF_EXISTS:corbel_build_key>
        COMMENT "Making the bundle ${name}" VERBATIM)
    add_custom_target(${name}_bundle ALL DEPENDS ${bundle}/corbel-plugin.json)
    set_property(GLOBAL APPEND PROPERTY CORBEL_BUNDLES ${name}_bundle)
endfunction()
