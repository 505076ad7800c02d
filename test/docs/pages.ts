// The pages of the project taken apart: links, commands, job files and names that can be checked
// against the code.
import { dirname, join, normalize } from 'node:path/posix';
import { readSources, type SourceFile } from '../architecture/sources.ts';

export interface Found {
  /** `docs/page.md:12`. */
  readonly at: string;
  readonly text: string;
}

/** All Markdown of the project, but for snapshots that AVA writes. */
export function pages(): readonly SourceFile[] {
  return readSources().filter(({ path }) => path.endsWith('.md') && !path.includes('/snapshots/'));
}

/**
 * Targets of `[words](target)` that are not addresses, as paths from the root with their `#anchor`.
 */
export function linksIn(page: SourceFile): readonly Found[] {
  return proseLines(page).flatMap(({ at, text }) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^[a-z]+:/.test(target))
      .map((target) => ({ at, text: fromRoot(page.path, target) })),
  );
}

function fromRoot(page: string, target: string): string {
  if (target.startsWith('#')) return `${page}${target}`;
  return normalize(join(dirname(page), target));
}

/** Names that headings can be reached by, as GitHub makes them. */
export function anchorsIn(page: SourceFile): readonly string[] {
  return proseLines(page)
    .filter(({ text }) => /^#+ /.test(text))
    .map(({ text }) =>
      text
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    );
}

/**
 * What stands in backticks, and the lines of code blocks of shells; a `$ ` before a command is left
 * out.
 */
export function codeIn(page: SourceFile): readonly Found[] {
  const spans = proseLines(page).flatMap(({ at, text }) =>
    [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => ({ at, text: code })),
  );
  const lines = blocksIn(page)
    .filter(({ language }) => ['sh', 'console'].includes(language))
    .flatMap(({ lines: all, language }) =>
      all
        .filter(({ text }) => language === 'sh' || text.startsWith('$ '))
        .map(({ at, text }) => ({ at, text: text.replace(/^\$ /, '') })),
    );
  return [...spans, ...lines];
}

export interface Block {
  readonly language: string;
  readonly at: string;
  readonly lines: readonly Found[];
}

export function blocksIn({ path, text }: SourceFile): readonly Block[] {
  const blocks: { language: string; at: string; lines: Found[] }[] = [];
  let open: (typeof blocks)[number] | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const at = `${path}:${index + 1}`;
    const [, language] = /^\s*```(\w*)/.exec(line) ?? [];
    if (language === undefined) open?.lines.push({ at, text: line });
    else if (open !== undefined) open = undefined;
    else {
      open = { language, at, lines: [] };
      blocks.push(open);
    }
  }
  return blocks;
}

/** Lines outside of code blocks. */
function proseLines(page: SourceFile): readonly Found[] {
  const inBlock = new Set(blocksIn(page).flatMap(({ lines }) => lines.map(({ at }) => at)));
  return page.text
    .split('\n')
    .map((text, index) => ({ at: `${page.path}:${index + 1}`, text }))
    .filter(({ at, text }) => !inBlock.has(at) && !/^\s*```/.test(text));
}
