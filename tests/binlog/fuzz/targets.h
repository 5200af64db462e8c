// What the fuzz targets do with their bytes. Each must come back from any input, and stops the process when two ways of
// reading the same bytes disagree. The corpus runs through them in every build (binlog_corpus_test).
#pragma once

#include <string_view>

namespace shardlift::binlog::fuzz {

void File(std::string_view bytes);         // a whole binlog file
void EventStream(std::string_view bytes);  // events of any type, put into a well-formed stream without checksums
void RowImage(std::string_view bytes);     // a table map and rows
void Json(std::string_view bytes);         // a binary JSON value, and differences of one
void Payload(std::string_view bytes);      // the compressed forms
void GtidText(std::string_view bytes);     // GTID texts, and the events that hold them
void Spool(std::string_view bytes);        // a segment of a spool, or blocks to make one of (spool_target.h)

}  // namespace shardlift::binlog::fuzz
