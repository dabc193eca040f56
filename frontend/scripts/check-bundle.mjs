// Checks what was built: the first load is small, nothing is inline, nothing comes from another host.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

const DIST = "dist";
/** Everything that must be there before the first page shows: the entry script and what it imports at once. */
const ENTRY_LIMIT_KB = 200;

/** Addresses that stand in the code as names or help texts and are never requested. */
const NAMES_ONLY = [
  "http://www.w3.org/",
  "https://react.dev/",
  "https://reactrouter.com",
  "https://radix-ui.com/",
  "https://tailwindcss.com",
  "https://redux.js.org/",
  "https://redux-toolkit.js.org/",
  "https://bit.ly/3cXEKWf",
  "https://json-schema.org/",
  "http://json-schema.org/",
  "https://github.com",
  "https://api.github.com",
  "https://github.example.org",
  // How zod checks an IPv6 address: it parses one in brackets.
  "http://[${",
  "http://localhost",
];

/** What is loaded only where it is needed, and a text by which it is found. */
const LATE = [
  ["the charts", "recharts-surface"],
  ["the wizard", "Where should runners run?"],
];
const holds = (file, mark) => file.endsWith(".js") && readFileSync(file, "utf8").includes(mark);

const problems = [];
const html = readFileSync(join(DIST, "index.html"), "utf8");
const gzipKb = (file) => gzipSync(readFileSync(file), { level: 9 }).length / 1000;

const first = [...html.matchAll(/<(?:script|link)[^>]+(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map((match) => match[1]);
const entryKb = first.filter((file) => file.endsWith(".js")).reduce((sum, file) => sum + gzipKb(join(DIST, file)), 0);
if (entryKb > ENTRY_LIMIT_KB)
  problems.push(`the first load is ${entryKb.toFixed(1)} kB gzip, more than ${ENTRY_LIMIT_KB}`);

if (/<script(?![^>]*\ssrc=)/.test(html)) problems.push("index.html has an inline script, which the CSP refuses");
if (/\son[a-z]+="/.test(html)) problems.push("index.html has an inline event handler, which the CSP refuses");

/** What is imported at once by the first load, however far down: a chunk in it is loaded before any page. */
const graph = new Set(first.filter((file) => file.endsWith(".js")));
for (const file of graph) {
  const code = readFileSync(join(DIST, file), "utf8");
  for (const [, name] of code.matchAll(/(?:\bfrom\s*|\bimport\s*)["']\.\/([^"']+\.js)["']/g)) {
    graph.add(join(dirname(file), name));
  }
}
for (const [name, mark] of LATE) {
  const early = [...graph].filter((file) => readFileSync(join(DIST, file), "utf8").includes(mark));
  if (early.length > 0) problems.push(`the first load holds ${name}: ${early.join(", ")}`);
  if (!readdirSync(DIST, { recursive: true }).some((file) => holds(join(DIST, file), mark)))
    problems.push(`nothing holds ${JSON.stringify(mark)} any more, by which ${name} is found`);
}

const files = readdirSync(DIST, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name));
for (const file of files.filter((name) => /\.(js|css|html|svg)$/.test(name))) {
  for (const [address] of readFileSync(file, "utf8").matchAll(/https?:\/\/[^\s"'`)\\<>]+/g)) {
    if (!NAMES_ONLY.some((name) => address.startsWith(name))) problems.push(`${file} names another host: ${address}`);
  }
}

const sizes = files
  .filter((file) => /\.(js|css)$/.test(file))
  .map((file) => ({ file: file.slice(DIST.length + 1), kb: gzipKb(file) }))
  .sort((a, b) => b.kb - a.kb);
for (const { file, kb } of sizes.slice(0, 14)) {
  console.log(`${kb.toFixed(1).padStart(7)} kB gzip  ${file}${first.includes(file) ? "  (first load)" : ""}`);
}
console.log(`first load: ${entryKb.toFixed(1)} kB gzip of scripts, limit ${ENTRY_LIMIT_KB}`);

for (const problem of problems) console.error(`error: ${problem}`);
if (problems.length > 0) process.exitCode = 1;
