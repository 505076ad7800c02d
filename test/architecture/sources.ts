/** The files of the project, as git sees them: tracked or new, not ignored. Read once a run. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface SourceFile {
  /** From the root of the checkout, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
}

export const root = join(import.meta.dirname, '../..');

const textual = /\.(ts|tsx|mjs|js|json|jsonc|md|yaml|yml|cc|h|cu|cuh|txt|py|sh|tpl|toml)$|^\.ci\//;

export function readSources(): readonly SourceFile[] {
  const listing = execFileSync('git', ['ls-files', '-z', '-c', '-o', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64e6,
  });
  return [...new Set(listing.split('\0'))]
    .filter((path) => textual.test(path) && isFile(join(root, path)))
    .sort()
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      return { path, text, lines: text.split('\n').length - 1 };
    });
}

/** A file that was removed and not committed is still listed; a submodule is listed as a folder. */
function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}

export function isTypeScript({ path }: SourceFile): boolean {
  return /\.tsx?$/.test(path);
}

export function isGenerated({ path }: SourceFile): boolean {
  return /\.generated\.\w+$|(^|\/)generated\//.test(path);
}

export function isTest({ path }: SourceFile): boolean {
  return path.startsWith('test/');
}

/** Our four code folders. */
export function isProduct({ path }: SourceFile): boolean {
  return /^(crds|operator|worker|cli)\//.test(path);
}
