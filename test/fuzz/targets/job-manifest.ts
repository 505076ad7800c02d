// A job file. parseManifest never throws: all that is wrong is in its answer, each with a place.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseManifest } from '../../../crds/manifest/manifest.ts';
import type { Target } from '../target.ts';

const first = readFileSync(join(import.meta.dirname, '../../../crds/examples/first.yaml'), 'utf8');

export const target: Target = {
  seeds: [
    first.replace(/^#.*$/gm, '').trim(),
    'apiVersion: anneal.dev/v1alpha1\nkind: FineTuneJob\nmetadata: { name: a }\nspec: &a { model: *a }\n',
    '{"apiVersion": "anneal.dev/v1alpha1", "kind": "FineTuneJob", "spec": {"method": {"preset": "QLoRA"}}}',
    'a: |\n  text\n---\n- b\n...\n---\n!!binary aGk=\n',
  ],
  words: [
    ...[
      'apiVersion: ',
      'kind: ',
      'spec:',
      'metadata:',
      'model:',
      'source:',
      'dataset:',
      'method:',
      'training:',
    ],
    ...[
      'adapter:',
      'lora:',
      'rank: ',
      'optimizer:',
      'precision:',
      'selection:',
      'schedule:',
      'worker:',
      'output:',
    ],
    ...[
      '&a ',
      '*a',
      '<<: *a',
      '!!',
      '? ',
      '---\n',
      '...\n',
      '|',
      '>-',
      '{',
      '}',
      '[',
      ']',
      '\n  ',
      '- ',
      '#',
      '"',
      "'",
    ],
    ...[
      '__proto__: ',
      'constructor: ',
      'null',
      '~',
      'yes',
      '.inf',
      '0x10',
      '1e3',
      '2026-01-01',
      '%YAML 1.2\n',
      '\t',
    ],
  ],
  run(bytes) {
    const manifest = parseManifest(new TextDecoder().decode(bytes), 'job.yaml');
    if (manifest.ok) return;
    for (const { message, line } of manifest.problems) {
      if (message === '') throw new Error('a problem without words');
      if (line !== undefined && line < 1) throw new Error('a problem without a place');
    }
    if (manifest.problems.length === 0) throw new Error('refused without a reason');
  },
};
