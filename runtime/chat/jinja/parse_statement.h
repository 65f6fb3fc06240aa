/* chat/jinja/parse_statement.h: statements and the text between them. */
#ifndef CHAT_JINJA_PARSE_STATEMENT_H
#define CHAT_JINJA_PARSE_STATEMENT_H

#include "chat/jinja/parser.h"

void parse_template(struct parser *p, struct nodes *body);

#endif
