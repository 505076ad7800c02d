// Prints a `config.json`. JavaScript prints 30.0 as 30; transformers checks types, so fields that
// are floats there keep their decimal point.

const fractions = new Set([
  'attn_logit_softcapping',
  'final_logit_softcapping',
  'rms_norm_eps',
  'rope_theta',
  'rope_local_base_freq',
  'partial_rotary_factor',
  'factor',
  'low_freq_factor',
  'high_freq_factor',
  'beta_fast',
  'beta_slow',
  'attention_factor',
  'attention_dropout',
  'hidden_dropout_prob',
  'attention_probs_dropout_prob',
  'classifier_dropout',
  'layer_norm_eps',
  'initializer_range',
  'layerscale_value',
  'drop_path_rate',
]);

/** This character never occurs unescaped in JSON. */
const mark = '\u0001';

export function printConfig(json: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(
    json,
    (key, value: unknown) =>
      fractions.has(key) && Number.isInteger(value) ? `${mark}${value}.0${mark}` : value,
    2,
  );
  const escaped = JSON.stringify(mark).slice(1, -1).replace('\\', '\\\\');
  return `${text.replace(new RegExp(`"${escaped}([^"]*)${escaped}"`, 'g'), '$1')}\n`;
}
