# find_package(CorbelSDK): corbel_add_plugin() for plugins outside of Corbel's own tree.

find_path(CORBEL_SDK_INCLUDE corbel/plugin.h
    HINTS ${CMAKE_CURRENT_LIST_DIR}/../../../include ${CMAKE_CURRENT_LIST_DIR}/../../../../include
    NO_DEFAULT_PATH REQUIRED)
find_program(CORBEL_BUNDLE_PROGRAM corbel-bundle
    HINTS ${CMAKE_CURRENT_LIST_DIR}/../../../libexec/corbel
        ${CMAKE_CURRENT_LIST_DIR}/../../../../libexec/corbel
    NO_DEFAULT_PATH REQUIRED)
if(NOT TARGET Corbel::bundle)
    add_executable(Corbel::bundle IMPORTED GLOBAL)
    set_target_properties(Corbel::bundle PROPERTIES IMPORTED_LOCATION ${CORBEL_BUNDLE_PROGRAM})
endif()
set(CORBEL_BUNDLE_TOOL Corbel::bundle)
include(${CMAKE_CURRENT_LIST_DIR}/CorbelPlugin.cmake)
