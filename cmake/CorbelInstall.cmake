# What `cmake --install` puts where, apart from the SDK and the plugins, which say so themselves:
#
#   bin/corbel                    the command; finds its library beside it, wherever the tree is moved
#   LIB/libcorbel.so              and LIB/corbel/plugins/NAME/, which it looks for from there
#   LIB/pkgconfig/corbel.pc       for host programs: pkg-config --cflags --libs corbel
#   include/corbel/corbel.h
#   share/corbel/demo/            demo models
#
# LIB is CMAKE_INSTALL_LIBDIR.

include_guard()

file(RELATIVE_PATH lib_from_bin /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
set_target_properties(corbel PROPERTIES INSTALL_RPATH "$ORIGIN/${lib_from_bin}")

install(TARGETS libcorbel LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS corbel RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${PROJECT_SOURCE_DIR}/runtime/include/corbel/corbel.h
    ${PROJECT_SOURCE_DIR}/runtime/include/corbel/chat.h
    ${PROJECT_SOURCE_DIR}/runtime/include/corbel/image.h
    ${PROJECT_SOURCE_DIR}/runtime/include/corbel/trust.h
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/corbel)

# A .pc file that still holds after the tree was moved.
file(RELATIVE_PATH prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_CURRENT_LIST_DIR}/corbel.pc.in ${PROJECT_BINARY_DIR}/corbel.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/corbel.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/demo/storyteller ${PROJECT_SOURCE_DIR}/demo/sentiment
                  ${PROJECT_SOURCE_DIR}/demo/shapes
    DESTINATION ${CMAKE_INSTALL_DATADIR}/corbel/demo)
