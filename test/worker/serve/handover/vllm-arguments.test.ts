import test from 'ava';
import { vllmArguments } from '../../../../worker/serve/handover/vllm-arguments.ts';

const settings = { name: 'base', context: 4096, together: 2 };
const adapter = (name: string, rank: number) => ({ name, folder: `/volumes/a,b/${name}`, rank });

test('adapters are named as vLLM documents it, with room for the largest rank', (t) => {
  const adapters = [adapter('one', 4), adapter('two', 24), adapter('three', 8)];
  t.deepEqual(vllmArguments(settings, 8192, adapters), [
    ...['--max-model-len', '4096', '--enable-lora'],
    ...['--max-loras', '2', '--max-cpu-loras', '3', '--max-lora-rank', '32'],
    '--lora-modules',
    '{"name":"one","path":"/volumes/a,b/one","base_model_name":"base"}',
    '{"name":"two","path":"/volumes/a,b/two","base_model_name":"base"}',
    '{"name":"three","path":"/volumes/a,b/three","base_model_name":"base"}',
  ]);
});

test('a path cannot become an argument of its own', (t) => {
  const folder = '/volumes/a/x\n--trust-remote-code';
  const args = vllmArguments(settings, 8192, [{ name: 'one', folder, rank: 8 }]);
  t.true(args.every((one) => !one.includes('\n')));
});

test('without adapters vLLM serves the base, no longer than the model allows', (t) => {
  t.deepEqual(vllmArguments(settings, 2048, []), ['--max-model-len', '2048']);
});
