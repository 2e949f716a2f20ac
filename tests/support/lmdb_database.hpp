// SPDX-License-Identifier: MIT
/// Writes LMDB databases by liblmdb. Included only where SCORESDE_TEST_LMDB is defined.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>

#include <lmdb.h>

namespace scoresde::test {

/// A folder with data.mdb; a transaction for every `per_transaction` entries.
inline void write_lmdb(const std::filesystem::path& folder,
                       const std::map<std::string, std::string>& entries,
                       std::size_t per_transaction = 1000) {
  const auto check = [](int status) {
    if (status != 0) throw std::runtime_error(::mdb_strerror(status));
  };
  std::filesystem::create_directories(folder);
  MDB_env* environment = nullptr;
  check(::mdb_env_create(&environment));
  check(::mdb_env_set_mapsize(environment, std::size_t{1} << 28));
  check(::mdb_env_open(environment, folder.c_str(), 0, 0644));
  for (auto at = entries.begin(); at != entries.end();) {
    MDB_txn* transaction = nullptr;
    MDB_dbi database = 0;
    check(::mdb_txn_begin(environment, nullptr, 0, &transaction));
    check(::mdb_dbi_open(transaction, nullptr, 0, &database));
    for (std::size_t i = 0; i < per_transaction && at != entries.end(); ++i, ++at) {
      MDB_val key{at->first.size(), const_cast<char*>(at->first.data())};
      MDB_val value{at->second.size(), const_cast<char*>(at->second.data())};
      check(::mdb_put(transaction, database, &key, &value, 0));
    }
    check(::mdb_txn_commit(transaction));
  }
  ::mdb_env_close(environment);
}

}  // namespace scoresde::test
