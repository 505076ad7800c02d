import test from 'ava';
import { liesInTheWay, resultsHitModel } from '../../../crds/names/result-folders.ts';
import { aSpec } from '../../builders/job.ts';

test('results lie among the files of a model, or take its place, by what the paths are', (t) => {
  const hits = [
    'out',
    'out/',
    './out/.',
    'out/x/..',
    'out/merged',
    'out/gguf/model.gguf',
    'out/adapter',
  ];
  for (const model of hits) t.true(liesInTheWay('out', model), model);
  const apart = [
    'model',
    'out-2',
    'out/base',
    'out.gguf',
    '../out',
    'a/out',
    'out/model.gguf',
    '.',
  ];
  for (const model of apart) t.false(liesInTheWay('out', model), model);
  t.true(liesInTheWay('.', 'merged'));
});

test('two claims, a hub and paths of different kinds say nothing against each other', (t) => {
  const local = (path: string) => ({ local: { path } });
  const claim = (claimName: string, path: string) => ({
    persistentVolumeClaim: { claimName, path },
  });
  const hits = (source: object, destination: object) =>
    resultsHitModel(aSpec({ 'model.source': source, 'output.destination': destination }));
  t.true(hits(local('model'), local('./model/')));
  t.true(hits(claim('a', 'm'), claim('a', 'm')));
  t.false(hits(claim('a', 'm'), claim('b', 'm')));
  t.false(hits(local('/srv/model'), local('model')));
  t.false(hits({ huggingFace: { repository: 'owner/model' } }, local('model')));
});
