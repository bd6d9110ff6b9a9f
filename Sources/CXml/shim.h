// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

// The part of libxml2's interface that is called, as its reference documents it (modules xmlreader, xmlerror, parser).
// There is no link line: the library is loaded when the first XML text is read. Its headers stand in a folder that only
// pkg-config knows, along with the link line; the binary interface of libxml2.so.2 is fixed.

typedef struct strata_xml_reader strata_xml_reader;

/// The beginning of xmlError, all that is looked at.
typedef struct {
  int domain;
  int code;
  char *message;
  int level;
  char *file;
  int line;
} strata_xml_error;

typedef void (*strata_xml_init_parser)(void);
typedef strata_xml_reader *(*strata_xml_reader_for_memory)(
    const char *bytes, int count, const char *url, const char *encoding, int options);
// One type for xmlTextReaderRead, NodeType, IsEmptyElement, MoveToNextAttribute, MoveToElement, IsNamespaceDecl and
// GetParserLineNumber.
typedef int (*strata_xml_reader_step)(strata_xml_reader *reader);
// One type for xmlTextReaderConstLocalName, ConstNamespaceUri and ConstValue.
typedef const unsigned char *(*strata_xml_reader_text)(strata_xml_reader *reader);
typedef void (*strata_xml_error_handler)(void *context, const strata_xml_error *error);
typedef void (*strata_xml_reader_set_error_handler)(
    strata_xml_reader *reader, strata_xml_error_handler handler, void *context);
typedef void (*strata_xml_reader_free)(strata_xml_reader *reader);

// Options of the parser.
static const int STRATA_XML_NO_ERROR = 1 << 5;
static const int STRATA_XML_NO_WARNING = 1 << 6;
static const int STRATA_XML_NO_NETWORK = 1 << 11;
static const int STRATA_XML_IGNORE_ENCODING = 1 << 21;

// Types of nodes.
static const int STRATA_XML_ELEMENT = 1;
static const int STRATA_XML_TEXT = 3;
static const int STRATA_XML_CDATA = 4;
static const int STRATA_XML_ENTITY_REFERENCE = 5;
static const int STRATA_XML_SIGNIFICANT_WHITESPACE = 14;
static const int STRATA_XML_END_ELEMENT = 15;

// Of errors: a level from which on the text is not what it should be, the level of what ends parsing, and the domain of
// namespaces, whose errors leave the text well-formed.
static const int STRATA_XML_LEVEL_ERROR = 2;
static const int STRATA_XML_LEVEL_FATAL = 3;
static const int STRATA_XML_DOMAIN_NAMESPACE = 3;
