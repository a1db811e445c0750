"""What may stand in a rollup's SELECT: fewer functions than an analyst's SQL has, since these run on the way of every event.

The one thing to know: each gives the same for the same event at all times and anywhere. What reads a clock, rolls dice or looks at other
rows would make a rollup that no recalculation can confirm.
"""

# Aggregates, without `If`, whose states add up to the same however the events were cut into batches.
AGGREGATES = frozenset(
    {
        *("count", "sum", "min", "max", "avg", "uniq", "uniqExact", "uniqCombined", "uniqCombined64", "uniqHLL12"),
        *("stddevPop", "stddevSamp", "varPop", "varSamp", "groupBitAnd", "groupBitOr", "groupBitXor"),
        *("quantile", "quantiles", "median", "quantileTDigest", "quantilesTDigest", "medianTDigest", "quantileDD", "quantilesDD"),
        *("quantileExact", "quantilesExact", "medianExact", "quantileTiming", "quantilesTiming", "quantileBFloat16", "quantilesBFloat16"),
    }
)
# Aggregates that keep of a value only whether it was there: what they are given does not come out again.
COUNTING = frozenset({"count", "uniq", "uniqExact", "uniqCombined", "uniqCombined64", "uniqHLL12"})
# Of these the same events give the same answer to the last digit, if their type is no fraction.
EXACT = frozenset({"count", "sum", "min", "max", "uniqExact", "groupBitAnd", "groupBitOr", "groupBitXor"})

# Columns that name or may name a person, whole. `properties` holds anything; a member of it is fine.
PERSONAL = frozenset(
    {"event_id", "person", "user_id", "anonymous_id", "session_id", "ip", "user_agent", "context_extra", "properties", "received_at"}
)

_WORDS = """
plus minus multiply divide intdiv intdivorzero intdivornull modulo mod moduloorzero moduloornull positivemodulo pmod negate abs sign
round floor ceil ceiling trunc truncate roundbankers rounddown roundage roundduration gcd lcm greatest least min2 max2
sqrt cbrt exp exp2 exp10 log ln log2 log10 pow power bitand bitor bitxor bitnot bittest bitshiftright
equals notequals less greater lessorequals greaterorequals in notin nullin notnullin like notlike ilike notilike match startswith endswith
startswithutf8 endswithutf8 and or not xor
if multiif casewithoutexpr casewithoutexpression casewithexpr casewithexpression transform coalesce ifnull nullif isnull isnotnull
assumenotnull tonullable iszeroornull isnan isfinite isinfinite ifnotfinite isdistinctfrom isnotdistinctfrom
todate todate32 todateornull todateorzero todate32ornull todate32orzero todatetime todatetimeornull todatetimeorzero todatetime64
todatetime64ornull todatetime64orzero toyear year toquarter quarter tomonth month todayofmonth day dayofmonth todayofweek dayofweek
todayofyear dayofyear tohour hour tominute minute tosecond second tomillisecond toisoweek toisoyear toweek week toyearweek toyyyymm
toyyyymmdd toyyyymmddhhmmss tostartofyear tostartofisoyear tostartofquarter tostartofmonth tostartofweek tostartofday tostartofhour
tostartofminute tostartofsecond tostartoffiveminutes tostartoffiveminute tostartoftenminutes tostartoffifteenminutes tostartofinterval
tomonday tolastdayofmonth tolastdayofweek last_day date_trunc datetrunc date_diff datediff timestampdiff timestamp_diff age adddate subdate
adddays addhours addminutes addmonths addseconds addweeks addyears addquarters subtractdays subtracthours subtractminutes subtractmonths
subtractseconds subtractweeks subtractyears subtractquarters totimezone totimezoneornull timezoneoffset tounixtimestamp
tounixtimestamp64milli fromunixtimestamp fromunixtimestamp64milli formatdatetime dayname monthname datename
tointervalsecond tointervalminute tointervalhour tointervalday tointervalweek tointervalmonth tointervalquarter tointervalyear
parsedatetime parsedatetimebesteffort parsedatetimebesteffortornull parsedatetimebesteffortorzero parsedatetime64besteffort
parsedatetime64besteffortornull parsedatetime64besteffortorzero
lower lcase upper ucase lowerutf8 upperutf8 length lengthutf8 char_length character_length substring substr mid substringutf8 substrutf8
left right leftutf8 rightutf8 concat concatassumeinjective trim ltrim rtrim trimboth trimleft trimright replaceone replaceregexpone extract
position locate positioncaseinsensitive positionutf8 positioncaseinsensitiveutf8 countsubstrings splitbychar splitbystring
splitbynonalpha arrayelement has indexof empty notempty tovalidutf8 reverse domain domainwithoutwww topleveldomain
firstsignificantsubdomain cuttofirstsignificantsubdomain path pathfull protocol port fragment querystring cutquerystring cutfragment cutwww
cutquerystringandfragment extracturlparameter decodeurlcomponent
cast _cast accuratecast accuratecastornull accuratecastordefault tolowcardinality tostring tofixedstring tobool
touint8 touint16 touint32 touint64 toint8 toint16 toint32 toint64 tofloat32 tofloat64
touint8ornull touint16ornull touint32ornull touint64ornull toint8ornull toint16ornull toint32ornull toint64ornull tofloat32ornull
tofloat64ornull touint8orzero touint16orzero touint32orzero touint64orzero toint8orzero toint16orzero toint32orzero toint64orzero
tofloat32orzero tofloat64orzero touint8ordefault touint32ordefault touint64ordefault toint8ordefault toint32ordefault toint64ordefault
todecimal32 todecimal64 todecimal128 todecimal32ornull todecimal64ornull todecimal128ornull todecimal32orzero todecimal64orzero
touuid touuidornull touuidorzero
jsonextract jsonextractstring jsonextractint jsonextractuint jsonextractfloat jsonextractbool jsonextractraw jsonhas jsonlength jsontype
isvalidjson
cityhash64 siphash64 xxhash64 farmhash64 inthash64 array tuple tupleelement identity
"""
SCALARS = frozenset(_WORDS.split())
# Functions whose first argument may be `properties` as a whole: they take a member out of it.
MEMBER_OF = frozenset(
    {
        *("jsonextract", "jsonextractstring", "jsonextractint", "jsonextractuint", "jsonextractfloat", "jsonextractbool"),
        *("jsonextractraw", "jsonhas", "jsonlength", "jsontype"),
    }
)
