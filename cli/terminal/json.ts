/** The stable JSON form: fields are only ever added. */
export function jsonOf(kind: string, content: object): string {
  return `${JSON.stringify({ apiVersion: 'cli.anneal.dev/v1', kind, ...content }, null, 2)}\n`;
}
