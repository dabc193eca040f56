/** Where a field that the api names may be shown, the closest first, with what is then left of its name. */
export type Place = { path: string; rest: string };

/**
 * `labels[2]` may stand at `labels`, `permissions.create_node` at `permissions`. `rename` maps the api's names to
 * the form's where they differ.
 */
export function placesOf(field: string, rename: Readonly<Record<string, string>> = {}): Place[] {
  const parts = field.match(/\[\d+\]|[^.[\]]+/g) ?? [];
  return parts.map((_, gone) => {
    const name = joined(parts.slice(0, parts.length - gone));
    const path = Object.hasOwn(rename, name) ? rename[name] : undefined;
    return { path: path ?? name, rest: joined(parts.slice(parts.length - gone)) };
  });
}

function joined(parts: readonly string[]): string {
  return parts.reduce((path, part) => (path === "" || part.startsWith("[") ? path + part : `${path}.${part}`), "");
}

/** A message about one of several things at a field says which: `No. 3: …`, `create_node: …`. */
export function aboutPart(rest: string, message: string): string {
  const index = /^\[(\d+)\]$/.exec(rest)?.[1];
  if (index !== undefined) return `No. ${Number(index) + 1}: ${message}`;
  return rest === "" ? message : `${rest}: ${message}`;
}
