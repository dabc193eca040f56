// Cuts GitHub's official OpenAPI description down to the calls about runners, hooks, apps, accounts and rate limits:
// the whole file takes the proxy 16 s and 350 MB to load. Usage: node trim.mjs OUTPUT.json
import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';

const WANTED = [
  /\/actions\/(runners|runner-groups)(\/|$)/,
  /\/hooks(\/|$)/,
  /^\/app(\/|$)/,
  /^\/app-manifests\//,
  /^\/installation\//,
  /\/installation$/,
  /^\/rate_limit$/,
  /^\/user$/,
  /^\/repos\/\{owner\}\/\{repo\}$/,
  /^\/orgs\/\{org\}$/,
];

const description = createRequire(import.meta.url)('@octokit/openapi/generated/api.github.com.json');
const paths = Object.fromEntries(
  Object.entries(description.paths).filter(([path]) => WANTED.some((pattern) => pattern.test(path))),
);

// Follow references until nothing new turns up.
const kept = {};
const pending = [paths];
while (pending.length > 0) {
  const node = pending.pop();
  if (node === null || typeof node !== 'object') continue;
  for (const [key, value] of Object.entries(node)) {
    // A discriminator's mapping refers to schemas in plain text.
    if (typeof value !== 'string' || !value.startsWith('#/components/')) {
      pending.push(value);
      continue;
    }
    const [, , section, name] = value.split('/');
    const component = description.components[section]?.[name];
    if (component === undefined) throw new Error(`${key} refers to ${value}, which is missing`);
    kept[section] ??= {};
    if (kept[section][name] === undefined) {
      kept[section][name] = component;
      pending.push(component);
    }
  }
}

const output = process.argv[2];
if (!output) {
  console.error('usage: node trim.mjs OUTPUT.json');
  process.exit(2);
}
const trimmed = { openapi: description.openapi, info: description.info, paths, components: kept };
writeFileSync(output, JSON.stringify(trimmed));
console.log(`${Object.keys(paths).length} paths`);
