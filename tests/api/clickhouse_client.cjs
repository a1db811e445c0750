// What the official client of ClickHouse does with the service at CLICKHOUSE_URL, as one JSON object on standard output.
const { createClient } = require(process.env.CLIENT)

const settings = { url: process.env.CLICKHOUSE_URL, pathname: "/clickhouse", username: "anybody", password: process.env.CLICKHOUSE_PASSWORD }
const failing = "SELECT intDiv(1, toInt64(number) - 700000) AS t, sipHash64(number) AS a, sipHash64(number, 1) AS b, sipHash64(number, 2) AS c FROM numbers(800000)"

async function refused(call) {
  try {
    await call()
  } catch (error) {
    return { name: error.constructor.name, code: error.code, type: error.type }
  }
  return null
}

async function main() {
  const plain = createClient(settings)
  const client = createClient({ ...settings, compression: { response: true } })
  const told = {}
  told.ping = (await client.ping()).success
  told.asked_ping = (await client.ping({ select: true })).success
  const query = "SELECT event, {seats:UInt8} AS seats, {names:Array(String)} AS names FROM events ORDER BY event"
  const answer = await client.query({ query, query_params: { seats: 3, names: ["it's", "a\tb"] }, format: "JSON" })
  const body = await answer.json()
  told.json = { meta: body.meta, data: body.data, rows: body.rows }
  told.has_query_id = answer.query_id.length === 36
  const lines = await client.query({ query: "SELECT number AS n FROM numbers(100000)", format: "JSONEachRow" })
  told.streamed = 0
  for await (const rows of lines.stream()) for (const row of rows) told.streamed += row.json().n
  const text = await plain.query({ query: "SHOW TABLES", format: "CSV" })
  told.tables = await text.text()
  const wanted = { max_execution_time: 5, output_format_json_quote_64bit_integers: 1 }
  const quoted = await plain.query({ query: "SELECT toUInt64(7) AS n", format: "JSONCompactEachRow", clickhouse_settings: wanted })
  told.quoted = await quoted.json()
  told.syntax = await refused(() => plain.query({ query: "SELEC 1" }))
  told.unknown = await refused(() => client.query({ query: "SELECT * FROM system.processes" }))
  told.setting = await refused(() => client.query({ query: "SELECT 1", clickhouse_settings: { max_threads: 8 } }))
  told.insert = await refused(() => client.insert({ table: "events", values: [{ event: "x" }], format: "JSONEachRow" }))
  told.command = await refused(() => client.command({ query: "DROP TABLE events" }))
  told.stranger = await refused(() => createClient({ ...settings, password: "at_nobody" }).query({ query: "SELECT 1" }))
  told.database = await refused(() => createClient({ ...settings, database: process.env.NEIGHBOUR }).query({ query: "SELECT 1" }))
  for (const [name, one] of [["plain", plain], ["compressed", client]]) {
    told[`middle_${name}`] = await refused(async () => {
      const broken = await one.query({ query: failing, format: "JSONEachRow" })
      for await (const _ of broken.stream());
    })
  }
  await Promise.all([plain.close(), client.close()])
  console.log(JSON.stringify(told))
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1) })
