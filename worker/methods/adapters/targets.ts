/** A name matches a complete module path or its last parts, as in PEFT. */
export function targetsOf(modules: readonly string[]): (path: string) => boolean {
  if (modules.includes('AllLinear')) return () => true;
  return (path) => modules.some((module) => path === module || path.endsWith(`.${module}`));
}
