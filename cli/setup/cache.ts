/**
 * Where downloads and builds live: outside the checkout, so that clones share them and `git clean`
 * costs nothing. Every entry carries its version in its name; nothing in it is ever changed in
 * place, so it may be deleted whole at any time.
 */
import { join } from 'node:path';

export interface Cache {
  readonly root: string;
  /** A persistent volume claim, on one machine, is a folder here. */
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
