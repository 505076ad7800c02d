import { gzipSync } from 'node:zlib';
import test from 'ava';
import { definitions } from '../../crds/crd/print-crd.ts';
import { ofKind, render, renderText } from './render.ts';

test('Helm renders the definition that the schemas print, unchanged by its templates', async (t) => {
  const rendered = ofKind(await render({ crds: {} }), 'CustomResourceDefinition');
  t.is(rendered.length, definitions.length);
  for (const { definition } of definitions) {
    const printed = JSON.parse(JSON.stringify(definition()));
    const one = rendered.find(({ metadata }) => metadata.name === printed.metadata.name);
    t.deepEqual(one?.['spec'], printed.spec);
    t.is(one?.apiVersion, printed.apiVersion);
  }
});

test('the definition stays when the release goes, unless the values say else', async (t) => {
  const policies = async (crds: object) =>
    ofKind(await render({ crds }), 'CustomResourceDefinition').map(
      ({ metadata }) => metadata.annotations?.['helm.sh/resource-policy'],
    );
  t.deepEqual(
    await policies({}),
    definitions.map(() => 'keep'),
  );
  t.deepEqual(
    await policies({ keep: false }),
    definitions.map(() => undefined),
  );
});

test('a site that installs definitions by itself gets none', async (t) => {
  t.deepEqual(ofKind(await render({ crds: { install: false } }), 'CustomResourceDefinition'), []);
});

test('a release stays well below the size of the Secret that Helm keeps it in', async (t) => {
  // Helm keeps the chart and the manifest, compressed and then in base64, in one object of at most
  // 1 MiB.
  const once = gzipSync(await renderText()).length;
  t.true(2 * once * (4 / 3) < 512 * 1024, `${once} bytes compressed`);
});
