-- name: array_reduce
-- why: an aggregate named in a text
-- canary: limits
SELECT arrayReduce('groupBitmap', [1, 2])

-- name: array_reduce_state
-- why: an aggregate named in a text
-- canary: limits
SELECT arrayReduce('groupBitmapState', [1])

-- name: array_reduce_combinator
-- why: an aggregate named in a text
-- canary: limits
SELECT arrayReduce('groupBitmapIf', [1], [1])

-- name: array_reduce_throw
-- why: an aggregate that fails on purpose
-- canary: process
SELECT arrayReduce('aggThrow(1)', [1])

-- name: array_reduce_flame_graph
-- why: an aggregate that knows addresses
-- canary: process
SELECT arrayReduce('flameGraph', [1])

-- name: array_reduce_in_ranges
-- why: an aggregate named in a text
-- canary: limits
SELECT arrayReduceInRanges('groupBitmap', [(1, 1)], [1])

-- name: initialize_aggregation
-- why: an aggregate named in a text
-- canary: limits
SELECT initializeAggregation('groupBitmapState', 1)

-- name: any_case
-- why: a function in other letters
-- canary: limits
SELECT ARRAYREDUCE('groupBitmap', [1])

-- name: concatenated
-- why: the name is put together
-- canary: limits
SELECT arrayReduce(concat('groupBit', 'map'), [1])

-- name: by_alias
-- why: the name comes by an alias
-- canary: limits
WITH 'groupBitmap' AS f SELECT arrayReduce(f, [1])

-- name: by_parameter
-- why: the name comes by a parameter
-- canary: limits
-- param: f=groupBitmap
SELECT arrayReduce({f:String}, [1])

-- name: by_subquery
-- why: the name comes by a subquery
-- canary: limits
SELECT arrayReduce((SELECT 'groupBitmap'), [1])

-- name: with_spaces
-- why: a space before the name
-- canary: limits
SELECT arrayReduce(' groupBitmap', [1])

-- name: with_brackets
-- why: brackets behind the name
-- canary: limits
SELECT arrayReduce('groupBitmap()', [1])

-- name: with_nested_call
-- why: a call in the parameters
-- canary: file
SELECT arrayReduce('quantile(file(1))', [1])

-- name: scalar_name
-- why: a scalar function by name
-- canary: file
SELECT arrayReduce('file', ['/etc/passwd'])

-- name: cast_to_state
-- why: bytes of the caller's as a state
-- canary: process
SELECT CAST('x' AS AggregateFunction(uniq, String))

-- name: cast_operator_to_state
-- why: bytes of the caller's as a state
-- canary: process
SELECT unhex('00')::AggregateFunction(groupBitmap, UInt32)

-- name: cast_text_to_state
-- why: bytes of the caller's as a state
-- canary: process
SELECT CAST(unhex('00'), 'AggregateFunction(sum, UInt64)')

-- name: cast_to_nested_state
-- why: a state inside an array
-- canary: process
SELECT CAST([''], 'Array(AggregateFunction(uniq, String))')

-- name: cast_to_tuple_of_state
-- why: a state inside a tuple
-- canary: process
SELECT CAST(tuple(''), 'Tuple(a AggregateFunction(uniq, String))')

-- name: cast_by_alias
-- why: the type comes by an alias
-- canary: process
WITH 'AggregateFunction(uniq, String)' AS t SELECT CAST('', t)

-- name: cast_concatenated
-- why: the type is put together
-- canary: process
SELECT CAST('', concat('Aggregate', 'Function(uniq, String)'))

-- name: accurate_cast
-- why: another cast
-- canary: process
SELECT accurateCastOrNull('', 'AggregateFunction(uniq, String)')

-- name: json_extract_type
-- why: a type in JSONExtract
-- canary: process
SELECT JSONExtract('{}', 'a', 'AggregateFunction(uniq, String)')

-- name: json_extract_computed_type
-- why: a computed type in JSONExtract
-- canary: process
SELECT JSONExtract('{}', 'a', concat('Aggregate', 'Function(uniq, String)'))

-- name: reinterpret_state
-- why: bytes seen as a state
-- canary: process
SELECT reinterpret('', 'AggregateFunction(uniq, String)')

-- name: dynamic_element_state
-- why: a state in a dynamic value
-- canary: process
SELECT dynamicElement(1::Dynamic, 'AggregateFunction(uniq, String)')

-- name: unknown_type
-- why: a type that is none
-- canary: engine
SELECT CAST(1 AS NoSuchType)

-- name: nothing_type
-- why: an inner type
-- canary: engine
SELECT CAST(1, 'Nothing')

-- name: json_type_with_limits
-- why: a type with settings
-- canary: limits
SELECT '{}'::JSON(max_dynamic_paths = 1000000)

-- name: deep_type
-- why: a type without end
-- canary: limits
SELECT CAST([], 'Array(Array(Array(Array(Array(Array(Array(Array(Array(Array(Array(UInt8)))))))))))')

-- name: open_type
-- why: a type that does not close
-- canary: engine
SELECT CAST(1, 'Array(UInt8')

-- name: type_with_more_behind
-- why: a type that is more than one
-- canary: engine
SELECT CAST(1, 'UInt8) FROM system.tables --')

-- name: property_as_state
-- why: a property as a state
-- canary: process
SELECT properties.a::AggregateFunction(uniq, String) FROM events

-- name: eval_by_text
-- why: a query in a text
-- canary: engine
SELECT evaluate('SELECT 1')

-- name: apply_text
-- why: a function named in a text
-- canary: file
SELECT * APPLY('file') FROM events
