#include "verify/row_source.h"

#include <utility>

namespace shardlift::verify {
namespace {

class SqlRows final : public RowSource {
 public:
  explicit SqlRows(std::unique_ptr<mysql::RowStream> stream) : stream_(std::move(stream)) {}
  base::Result<bool> Next() override { return stream_->Next(); }
  RowFields row() const override { return stream_->row(); }

 private:
  std::unique_ptr<mysql::RowStream> stream_;
};

}  // namespace

base::Result<std::unique_ptr<RowSource>> OpenSqlRows(mysql::Session& session, std::string_view sql,
                                                     std::string_view what) {
  SL_ASSIGN(auto stream, session.OpenStream(sql, what));
  return std::unique_ptr<RowSource>(std::make_unique<SqlRows>(std::move(stream)));
}

}  // namespace shardlift::verify
