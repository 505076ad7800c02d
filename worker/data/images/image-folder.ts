// The files of a folder of pictures on this machine. A link that leads out of the folder is
// refused: what it names may be anything that this user can read.
import { opendir, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { UserError } from '../../../crds/failures/errors.ts';

/** ImageNet has 1.3 million. */
const maxFiles = 4_000_000;

/** Paths relative to `root`, with forward slashes, in order of code units; hidden ones left out. */
export async function filesBelow(
  root: string,
  most: number = maxFiles,
): Promise<readonly string[]> {
  const real = await realpath(root);
  const paths: string[] = [];
  for await (const entry of await opendir(real, { recursive: true })) {
    const absolute = join(entry.parentPath, entry.name);
    const path = relative(real, absolute).split(sep).join('/');
    if (path.split('/').some((part) => part.startsWith('.'))) continue;
    if (entry.isSymbolicLink()) await requireFileInside(real, absolute, path);
    else if (!entry.isFile()) continue;
    paths.push(path);
    if (paths.length > most) {
      const hint = 'name a folder with pictures alone';
      throw refused(root, `has more than ${most} files; at most so many are listed`, hint);
    }
  }
  // Code units, the default.
  return paths.sort();
}

async function requireFileInside(root: string, link: string, path: string): Promise<void> {
  const target = await realpath(link).catch(() => undefined);
  const isInside = target?.startsWith(`${root}${sep}`) === true;
  if (target !== undefined && isInside && (await stat(target)).isFile()) return;
  const leads = target === undefined ? 'nowhere' : isInside ? 'to no file' : 'out of the folder';
  const hint = 'put a copy there, or remove the link';
  throw refused(path, `is a link that leads ${leads}; links to files of the folder are read`, hint);
}

function refused(path: string, message: string, hint: string): UserError {
  return new UserError({ code: 'E_INVALID_DATA', path, message: `${path} ${message}`, hint });
}
