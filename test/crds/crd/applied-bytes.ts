/** All annotations of an object together may have so many bytes, their names among them. */
export const mostAnnotations = 256 * 1024;

const name = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * Bytes of the annotation in which client-side apply keeps an object: JSON as Go writes it, where
 * each of `&`, `<` and `>` takes six, and a line's end.
 */
export function appliedBytes(definition: object): number {
  const { length: escaped } = JSON.stringify(definition).match(/[&<>]/g) ?? [];
  return name.length + Buffer.byteLength(JSON.stringify(definition)) + 5 * escaped + 1;
}
