-- name: zero_width_in_name
-- why: characters that hide what is written
-- canary: schema
-- escape: yes
SELECT * FROM `system\u200b`.tables

-- name: zero_width_in_alias
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1 AS `a\u200bb`

-- name: bom
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
\ufeffSELECT 1

-- name: bom_inside
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT\ufeff 1

-- name: nul
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1\x00; DROP TABLE events

-- name: nul_in_text
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 'a\x00b'

-- name: vertical_tab
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT\x0b1

-- name: form_feed
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT\x0c1

-- name: backspace
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1 -- \x08\x08

-- name: escape_sequence
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1 -- \x1b[2K

-- name: delete_character
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1 \x7f

-- name: right_to_left
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1 /* \u202e DROP \u202c */

-- name: isolate
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1 -- \u2066 x \u2069

-- name: line_separator
-- why: characters that hide what is written
-- canary: write
-- escape: yes
SELECT 1 -- x\u2028; DROP TABLE events

-- name: paragraph_separator
-- why: characters that hide what is written
-- canary: write
-- escape: yes
SELECT 1 -- x\u2029; DROP TABLE events

-- name: soft_hyphen_in_name
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT `ev\u00adent` FROM events

-- name: word_joiner_in_cte
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
WITH `x\u2060` AS (SELECT 1) SELECT * FROM `x\u2060`

-- name: cyrillic_from
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT * FR\u041eM events

-- name: cyrillic_table
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT * FROM `\u0435vents`

-- name: fullwidth_semicolon
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1\uff1b DROP TABLE events

-- name: fullwidth_function
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT `\uff46\uff49\uff4c\uff45`('/etc/passwd')

-- name: combining_mark
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT hostName\u0301()

-- name: curly_quotes
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT \u2018a\u2019; DROP TABLE events

-- name: lone_surrogate
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT '\ud800'

-- name: private_use_name
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1 AS `\ue000`

-- name: tag_characters
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1 AS `a\U000e0041`

-- name: minus_sign_comment
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1 \u2212\u2212 x\n; DROP TABLE events

-- name: unclosed_comment
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1 /* ; DROP TABLE events

-- name: unclosed_text
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 'a

-- name: unclosed_name
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT `a

-- name: nested_comment
-- why: characters that hide what is written
-- canary: schema
-- escape: yes
SELECT /* /* */ name FROM system.tables --*/

-- name: hash_comment
-- why: characters that hide what is written
-- canary: schema
-- escape: yes
SELECT 1 # x\nUNION ALL SELECT name FROM system.tables

-- name: minus_comment
-- why: characters that hide what is written
-- canary: schema
-- escape: yes
SELECT 1 --x\nUNION ALL SELECT name FROM system.tables

-- name: mysql_comment
-- why: characters that hide what is written
-- canary: schema
-- escape: yes
SELECT /*! name FROM */ 1 FROM system.tables

-- name: backslash_quote
-- why: a backslash before the quote that ends a text
-- canary: write
SELECT 'a\\'; DROP TABLE events; --'

-- name: no_break_space
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT\u00a01

-- name: zero_width_space
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1\u200b

-- name: ideographic_space
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT\u30001

-- name: en_quad_in_comment
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1 /*\u2000*/

-- name: zero_width_joiner
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1 +\u200d 1

-- name: hangul_filler
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1 AS \u3164

-- name: no_break_space_in_name
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1 AS `a\u00a0`

-- name: tag_character
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 1 \U000e0041

-- name: mark_after_a_text
-- why: characters that hide what is written
-- canary: engine
-- escape: yes
SELECT 'a'\u200f
