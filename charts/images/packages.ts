// Which npm packages a program needs at run time: those that it imports and, by the lock file,
// those that they depend on.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Locked {
  readonly version?: string;
  /** Digests of what npm fetched, as in a page: `sha512-…`. */
  readonly integrity?: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly dev?: boolean;
}

export type LockedPackages = Readonly<Record<string, Locked>>;

export async function lockedPackages(checkout: string): Promise<LockedPackages> {
  const text = await readFile(join(checkout, 'package-lock.json'), 'utf8');
  return (JSON.parse(text) as { packages: LockedPackages }).packages;
}

/** `@scope/name/deep` → `@scope/name`. */
export function packageOf(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}

/**
 * Folders below the checkout, `node_modules/a/node_modules/b`, sorted. Throws for a package that is
 * only a tool of development.
 */
export function closureOf(locked: LockedPackages, imported: readonly string[]): readonly string[] {
  const found = new Set<string>();
  const visit = (name: string, from: string, isOptional: boolean): void => {
    const folder = folderOf(locked, name, from);
    if (folder === undefined) {
      if (isOptional) return;
      throw new Error(`${name}, which ${from || 'a program'} imports, is not in package-lock.json`);
    }
    if (found.has(folder)) return;
    const { dev, dependencies, peerDependencies, optionalDependencies } = locked[folder] ?? {};
    if (dev === true) {
      throw new Error(`${name} is imported by a program, but only a development dependency`);
    }
    found.add(folder);
    for (const each of Object.keys(dependencies ?? {})) visit(each, folder, false);
    for (const each of Object.keys({ ...peerDependencies, ...optionalDependencies })) {
      visit(each, folder, true);
    }
  };
  for (const name of imported) visit(name, '', false);
  return [...found].sort();
}

/** Folders of the packages that the one in a folder imports, as far as they are installed. */
export function dependenciesOf(locked: LockedPackages, folder: string): readonly string[] {
  const { dependencies, peerDependencies, optionalDependencies } = locked[folder] ?? {};
  const names = Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies });
  return names.flatMap((name) => folderOf(locked, name, folder) ?? []);
}

/** As Node.js looks for it: in the importer's own folder first, then further up. */
function folderOf(locked: LockedPackages, name: string, from: string): string | undefined {
  for (let place = from; ; place = parentOf(place)) {
    const folder = place === '' ? `node_modules/${name}` : `${place}/node_modules/${name}`;
    if (folder in locked) return folder;
    if (place === '') return undefined;
  }
}

function parentOf(folder: string): string {
  const above = folder.lastIndexOf('/node_modules/');
  return above < 0 ? '' : folder.slice(0, above);
}

/** What no program reads: declarations, maps of sources, prose. Licences stay. */
export function isNeeded(path: string): boolean {
  return !/\.(map|md|markdown|d\.[cm]?ts)$/i.test(path) || /licen[sc]e|notice/i.test(path);
}
