import test from 'ava';
import { cacheFolder, openCache } from '../../../cli/setup/cache.ts';

test('ANNEAL_CACHE is taken as it is, before XDG_CACHE_HOME and the home folder', (t) => {
  const both = { ANNEAL_CACHE: '/big/disk', XDG_CACHE_HOME: '/xdg' };
  t.is(cacheFolder(both, '/h'), '/big/disk');
  t.is(cacheFolder({ XDG_CACHE_HOME: '/xdg' }, '/h'), '/xdg/anneal');
  t.is(cacheFolder({}, '/h'), '/h/.cache/anneal');
});

test('an empty variable counts as absent', (t) => {
  t.is(cacheFolder({ ANNEAL_CACHE: '', XDG_CACHE_HOME: '' }, '/h'), '/h/.cache/anneal');
});

test('volumes of one machine lie below the cache', (t) => {
  t.is(openCache({ ANNEAL_CACHE: '/c' }, '/h').volumes, '/c/volumes');
});
