/**
 * Downloads and builds are outside the checkout, so that clones share them and `git clean` costs
 * nothing. Every entry has its version in its name and is never changed in place, so the folder may
 * be deleted at any time.
 */
import { join } from 'node:path';

export interface Cache {
  readonly root: string;
  /** On one machine a persistent volume claim is a folder here. */
  readonly volumes: string;
  readonly locks: string;
  readonly wheels: string;
}

export function openCache(env: Readonly<Record<string, string | undefined>>, home: string): Cache {
  const root = cacheFolder(env, home);
  return {
    root,
    volumes: join(root, 'volumes'),
    locks: join(root, 'locks'),
    wheels: join(root, 'wheels'),
  };
}

/**
 * The first of ANNEAL_CACHE, XDG_CACHE_HOME/anneal, ~/.cache/anneal; empty values count as absent.
 */
export function cacheFolder(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): string {
  if (env['ANNEAL_CACHE']) return env['ANNEAL_CACHE'];
  return join(env['XDG_CACHE_HOME'] || join(home, '.cache'), 'anneal');
}
