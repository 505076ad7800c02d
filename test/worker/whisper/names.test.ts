import test from 'ava';
import { linearsOf } from '../../../crds/methods/linears.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { adaptedLinears, parametersOf, trainedOf } from '../../../crds/plan/parameters.ts';
import { confirmTensors, type FoundTensor } from '../../../worker/decoder/confirm.ts';
import { factsOf, placesOf } from '../../../worker/decoder/registry.ts';
import { parameterCount } from '../../../worker/decoder/sizes.ts';
import { inletsOf, stageOf } from '../../../worker/families/family.ts';
import { readWhisperConfig } from '../../../worker/whisper/config.ts';
import { whisperName, whisperTensors } from '../../../worker/whisper/names.ts';

const sizes = {
  ...{ model_type: 'whisper', d_model: 24, vocab_size: 40, num_mel_bins: 5 },
  ...{ encoder_layers: 2, encoder_attention_heads: 4, encoder_ffn_dim: 36 },
  ...{ decoder_layers: 3, decoder_attention_heads: 4, decoder_ffn_dim: 36 },
  ...{ max_source_positions: 8, max_target_positions: 16 },
};
const config = readWhisperConfig(sizes);
const specs = whisperTensors(config);

function filed(nameInFile = (name: string) => name): Map<string, FoundTensor> {
  return new Map(
    specs.map(({ name, shape }) => [nameInFile(name), { shape, file: 'model.safetensors' }]),
  );
}

test('tensors lie place by place, with a place between encoder and decoder', (t) => {
  const places = placesOf(config);
  t.deepEqual(places, {
    order: ['encoder', 0, 1, 'decoder', 2, 3, 4, 'head'],
    ...{ inlet: 'encoder', outlet: 'head', isTied: true },
  });
  t.deepEqual(inletsOf(places), ['encoder', 'decoder']);
  t.deepEqual([stageOf(places, 1), stageOf(places, 2)], [0, 1]);
  t.is(new Set(specs.map((spec) => spec.name)).size, specs.length);
  for (const { name, kind, shape, place } of specs) {
    if (typeof place === 'number') t.is(shape.length, kind === 'linear' ? 2 : 1, name);
  }
  const fixed = specs.flatMap(({ name, isFixed }) => (isFixed ? [name] : []));
  t.deepEqual(fixed, ['model.encoder.embed_positions.weight']);
});

test('keys have no bias, and no other layer lacks one', (t) => {
  const all = new Set(specs.map(({ name }) => name));
  for (const { name, kind } of specs.filter((spec) => spec.kind === 'linear')) {
    const bias = name.replace(/weight$/, 'bias');
    t.is(all.has(bias), !name.includes('k_proj'), `${name} ${kind}`);
  }
});

test('files of the model without a head, with one again, and with more positions are the model', (t) => {
  const bare = confirmTensors(
    config,
    filed((name) => name.replace(/^model\./, '')),
    'm',
  );
  t.is(bare.tensors.size, specs.length);
  const tied = filed();
  tied.set('proj_out.weight', { shape: [40, 24], file: 'model.safetensors' });
  t.is(confirmTensors(config, tied, 'm').tiedHead, 'proj_out.weight');
  const longer = filed();
  const positions = 'model.encoder.embed_positions.weight';
  longer.set(positions, { shape: [1500, 24], file: 'model.safetensors' });
  t.is(confirmTensors(config, longer, 'm').tensors.get(positions)?.rows, 8);
  t.is(whisperName('encoder.conv1.weight'), 'model.encoder.conv1.weight');
  longer.set('model.encoder.layers.0.gate.weight', { shape: [1], file: 'm.safetensors' });
  t.throws(() => confirmTensors(config, longer, 'm'), {
    message: /is not a tensor of this family/,
  });
});

test('plans count the values that the tensors have, and what trains', (t) => {
  for (const changes of [{}, { encoder_layers: 4, decoder_layers: 1 }]) {
    const of = readWhisperConfig({ ...sizes, ...changes });
    const facts = factsOf(of);
    t.is(parametersOf(facts).total, parameterCount(of));
    const fixed = 8 * 24;
    const full = trainedOf(facts, resolveMethod({ preset: 'Full' }));
    t.is(full.total, parameterCount(of) - fixed);
    const rank = { rank: 4, targetModules: ['AllLinear'] };
    const lora = trainedOf(facts, resolveMethod({ adapter: { type: 'LoRA', lora: rank } }));
    const values = whisperTensors(of).flatMap(({ kind, place, shape: [out = 0, inputs = 0] }) =>
      kind === 'linear' && typeof place === 'number' ? [4 * (out + inputs)] : [],
    );
    t.is(
      lora.adapter,
      values.reduce((sum, one) => sum + one, 0),
    );
  }
});

test('the layers of both kinds of blocks have the shapes of their tensors, and are named as in PEFT', (t) => {
  const facts = factsOf(config);
  for (const { path, out, in: inputs, share } of linearsOf(facts)) {
    const spec = specs.find(({ name }) => name === `${path}.weight`);
    t.deepEqual(spec?.shape, [out, inputs], path);
    t.is(share, path.includes('encoder.layers') ? 2 / 5 : 3 / 5);
  }
  const named = (target: string) => adaptedLinears(facts, [target]).map(({ path }) => path);
  t.deepEqual(named('q_proj'), [
    'model.encoder.layers.0.self_attn.q_proj',
    'model.decoder.layers.0.self_attn.q_proj',
    'model.decoder.layers.0.encoder_attn.q_proj',
  ]);
  t.deepEqual(named('encoder_attn.v_proj'), ['model.decoder.layers.0.encoder_attn.v_proj']);
});
