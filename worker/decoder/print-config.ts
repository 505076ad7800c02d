// Prints a `config.json`. JSON has one kind of number and JavaScript prints 30 for 30.0;
// transformers checks types, so the fields that are fractions there keep their point.

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
  'initializer_range',
]);

/** No name or value holds this character unescaped. */
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
