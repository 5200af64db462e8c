-- The ways applications and the tool reach the store, for scripts/store_explain.sh, which shows each one's plan in
-- docs/store.md. A block is "-- name | keys that it must use, as the servers name them | what it is for", then one
-- statement. What stands in braces is filled in: {page_sent_at} and {page_msg_id} from the last line of the busiest account's
-- first inbox page, the rest from a message of its largest conversation.

-- inbox | recent | a page of an account's conversations, the latest first
SELECT conversation, last_sent_at, last_msg_id, messages FROM conversation
WHERE bucket = {bucket} AND account_type = 1 AND account_key = {account}
ORDER BY last_sent_at DESC, last_msg_id DESC LIMIT 20

-- inbox, next page | recent | the same from where the last page ended
SELECT conversation, last_sent_at, last_msg_id, messages FROM conversation
WHERE bucket = {bucket} AND account_type = 1 AND account_key = {account} AND last_sent_at <= {page_sent_at}
  AND (last_sent_at < {page_sent_at} OR last_msg_id < {page_msg_id})
ORDER BY last_sent_at DESC, last_msg_id DESC LIMIT 20

-- conversation | conversation | a page of one conversation of an account, the latest first
SELECT sent_at, msg_id, sender, msg_type, body_codec, body, ext, status, edited_at, recalled_at FROM message
WHERE bucket = {bucket} AND account_type = 1 AND account_key = {account} AND conversation = {conversation}
ORDER BY sent_at DESC, msg_id DESC LIMIT 50

-- conversation, next page | conversation | the same from where the last page ended
SELECT sent_at, msg_id, sender, msg_type, body_codec, body, ext, status, edited_at, recalled_at FROM message
WHERE bucket = {bucket} AND account_type = 1 AND account_key = {account} AND conversation = {conversation}
  AND sent_at <= {sent_at} AND (sent_at < {sent_at} OR msg_id < {msg_id})
ORDER BY sent_at DESC, msg_id DESC LIMIT 50

-- account | PRIMARY | a page of all messages of an account, the latest first
SELECT conversation, sent_at, msg_id, body_codec, body FROM message
WHERE bucket = {bucket} AND account_type = 1 AND account_key = {account}
ORDER BY sent_at DESC, msg_id DESC LIMIT 50

-- by reference | PRIMARY | one message by account, time and id
SELECT * FROM message
WHERE bucket = {bucket} AND account_type = 1 AND account_key = {account} AND sent_at = {sent_at} AND msg_id = {msg_id}

-- by id | owner | one message by its id alone, see above
SELECT * FROM message WHERE owner_origin = 1 AND owner_table = {owner_table} AND owner_key = {owner_key}

-- by client id | PRIMARY, PRIMARY | has this account sent this already, and which message was it
SELECT m.* FROM message_dedup d
JOIN message m USING (bucket, account_type, account_key, sent_at, msg_id)
WHERE d.bucket = {bucket} AND d.account_type = 1 AND d.account_key = {account} AND d.client_id = {client_id}

-- unread | conversation | how many of a conversation are unread
SELECT COUNT(*) FROM message
WHERE bucket = {bucket} AND account_type = 1 AND account_key = {account} AND conversation = {conversation}
  AND sent_at >= {read_sent_at} AND (sent_at > {read_sent_at} OR msg_id > {read_msg_id}) AND status = 0

-- tag | PRIMARY, PRIMARY | an account's messages with a tag, the latest first
SELECT m.* FROM message_tag t
JOIN message m USING (bucket, account_type, account_key, sent_at, msg_id)
WHERE t.bucket = {bucket} AND t.account_type = 1 AND t.account_key = {account} AND t.tag = {tag}
ORDER BY t.sent_at DESC, t.msg_id DESC LIMIT 20

-- bucket | PRIMARY | all of a bucket, to move or to check it
SELECT * FROM message WHERE bucket = {bucket}

-- legacy table | owner | verify: the rows of one legacy table in the order of its keys
SELECT * FROM message FORCE INDEX (owner) WHERE owner_origin = 1 AND owner_table = {owner_table}
ORDER BY owner_key LIMIT 1000
