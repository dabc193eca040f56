// Fails when src/lib/api/generated is not what ../openapi.json generates. Changes nothing.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";

const committed = "src/lib/api/generated";
// Inside the tree, so that relative imports of the generated files come out the same.
const fresh = mkdtempSync("src/lib/api/check-");

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

function drift() {
  const before = filesBelow(committed);
  const after = filesBelow(fresh);
  if (before.join() !== after.join()) return "the list of files";
  return after.find((file) => readFileSync(join(committed, file), "utf8") !== readFileSync(join(fresh, file), "utf8"));
}

try {
  execFileSync("node_modules/.bin/openapi-ts", { env: { ...process.env, OPENAPI_OUTPUT: fresh }, stdio: "pipe" });
  const difference = drift();
  if (difference) {
    console.error(`${committed} is out of date (${difference}). Run: npm run client`);
    process.exitCode = 1;
  }
} catch (error) {
  console.error(`The client could not be generated: ${error.stderr || error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
