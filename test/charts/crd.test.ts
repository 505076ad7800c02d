import { gzipSync } from 'node:zlib';
import test from 'ava';
import { customResourceDefinition } from '../../crds/crd/custom-resource.ts';
import { ofKind, only, render, renderText } from './render.ts';

test('Helm renders the definition that the schemas print, unchanged by its templates', async (t) => {
  const rendered = only(await render({ crds: {} }), 'CustomResourceDefinition');
  const printed = JSON.parse(JSON.stringify(customResourceDefinition()));
  t.deepEqual(rendered['spec'], printed.spec);
  t.is(rendered.metadata.name, printed.metadata.name);
  t.is(rendered.apiVersion, printed.apiVersion);
});

test('the definition stays when the release goes, unless the values say else', async (t) => {
  const policy = async (crds: object) =>
    only(await render({ crds }), 'CustomResourceDefinition').metadata.annotations?.[
      'helm.sh/resource-policy'
    ];
  t.is(await policy({}), 'keep');
  t.is(await policy({ keep: false }), undefined);
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
