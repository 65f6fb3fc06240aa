# One function a kind of target, so that each folder's CMakeLists.txt is a list of its files.
#
#   corbel_layer(NAME DEPENDS layers... LINK libraries... SOURCES files...)
#       a folder of runtime/: the static library corbel_NAME. DEPENDS may only name layers above it
#       in docs/architecture.md; the linker then keeps the order, tests/layers checks the includes.
#   corbel_test(NAME LABEL unit|oracle|attack|interop|cli LAYERS layers... SOURCES files...)
#       one cmocka executable, run by ctest.
#   corbel_fuzz(NAME LAYERS layers... SOURCES files...)
#       a libFuzzer target with clang and -DCORBEL_FUZZ=ON; elsewhere the same file replays its
#       corpus tests/fuzz/corpus/NAME as a test.

include_guard()

add_library(corbel_plain_flags INTERFACE) # without sanitizers
add_library(corbel_flags INTERFACE)
target_link_libraries(corbel_flags INTERFACE corbel_plain_flags)
target_compile_features(corbel_plain_flags INTERFACE c_std_17)
target_compile_definitions(corbel_plain_flags INTERFACE _GNU_SOURCE)
target_compile_options(corbel_plain_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -fvisibility=hidden
    $<$<BOOL:${CORBEL_WERROR}>:-Werror>)
target_include_directories(corbel_plain_flags INTERFACE
    ${PROJECT_SOURCE_DIR}/runtime ${PROJECT_SOURCE_DIR}/runtime/include
    ${PROJECT_SOURCE_DIR}/sdk/include)
if(CORBEL_SANITIZE)
    target_compile_options(corbel_flags INTERFACE
        -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(corbel_flags INTERFACE -fsanitize=address,undefined)
endif()
if(CORBEL_FUZZ)
    target_compile_options(corbel_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

function(corbel_layer name)
    cmake_parse_arguments(ARG "" "" "DEPENDS;LINK;SOURCES" ${ARGN})
    add_library(corbel_${name} STATIC ${ARG_SOURCES})
    set_target_properties(corbel_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    list(TRANSFORM ARG_DEPENDS PREPEND corbel_)
    target_link_libraries(corbel_${name} PUBLIC ${ARG_DEPENDS} ${ARG_LINK} PRIVATE corbel_flags)
    set_property(GLOBAL APPEND PROPERTY CORBEL_LAYERS corbel_${name})
endfunction()

function(corbel_test name)
    cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "LAYERS;LINK;SOURCES;ARGS" ${ARGN})
    add_executable(test_${name} ${ARG_SOURCES})
    list(TRANSFORM ARG_LAYERS PREPEND corbel_)
    target_link_libraries(test_${name} PRIVATE ${ARG_LAYERS} ${ARG_LINK} corbel_flags PkgConfig::CMOCKA)
    target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_compile_definitions(test_${name} PRIVATE
        TEST_SOURCE_DIR="${PROJECT_SOURCE_DIR}" TEST_BUILD_DIR="${PROJECT_BINARY_DIR}")
    add_test(NAME ${name} COMMAND test_${name} ${ARG_ARGS})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 300)
    endif()
    set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT}
        SKIP_RETURN_CODE 77)
endfunction()

function(corbel_fuzz name)
    cmake_parse_arguments(ARG "" "" "LAYERS;SOURCES" ${ARGN})
    add_executable(fuzz_${name} ${ARG_SOURCES})
    list(TRANSFORM ARG_LAYERS PREPEND corbel_)
    target_link_libraries(fuzz_${name} PRIVATE ${ARG_LAYERS} corbel_flags)
    if(CORBEL_FUZZ)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        if(NOT TARGET fuzzers)
            add_custom_target(fuzzers)
        endif()
        add_dependencies(fuzzers fuzz_${name})
    else()
        target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
        add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
        set_tests_properties(fuzz_${name} PROPERTIES LABELS attack TIMEOUT 120)
    endif()
endfunction()
