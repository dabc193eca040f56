/** A label that YAML would misread stands in quotes. */
function yamlWord(label: string): string {
  return /^[A-Za-z][A-Za-z0-9_.-]*$/.test(label) && !/^(true|false|null|yes|no|on|off)$/i.test(label)
    ? label
    : `"${label.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** The lines of a workflow that send a job to runners with these labels. */
export function runsOn(labels: readonly string[]): string {
  const all = ["self-hosted", ...labels.filter((label) => label.toLowerCase() !== "self-hosted")];
  return `jobs:\n  build:\n    runs-on: [${all.map(yamlWord).join(", ")}]\n    steps:\n      - run: echo "Hello from my own runner"\n`;
}
