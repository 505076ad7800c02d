// `config.json` of toys of networks that are searched or were found.

/** A `config.json` of two cells with four channels, which doubles pictures. */
export function supernetJson(
  changes: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return {
    ...{ model_type: 'quantnas-supernet', architectures: ['QuantNASSupernet'] },
    ...{ num_feat: 4, num_cells: 2, upscale: 2, bits: [4, 8] },
    operations: [
      ...['simple_1x1', 'simple_3x3', 'simple_5x5', 'simple_3x3_grouped_2', 'growth1_3x3'],
    ],
    ...changes,
  };
}

/** One with an operation of each kind. */
export function foundJson(
  changes: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return {
    ...{ model_type: 'quantnas', architectures: ['QuantNASNetwork'], num_feat: 4, upscale: 2 },
    genotype: [
      [
        { operation: 'simple_3x3_grouped_2', bits: 4 },
        { operation: 'growth1_3x3', bits: 8 },
      ],
      [
        { operation: 'simple_5x5', bits: 8 },
        { operation: 'simple_1x1', bits: 4 },
      ],
    ],
    ...changes,
  };
}
