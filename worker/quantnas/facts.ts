// What plans depend on of the cells of a network that is searched or was found.
import type { RestorationFacts } from '../../crds/plan/model-facts.ts';
import { shapeInMemory, valuesOf } from '../families/family.ts';
import { cellValues } from './cell-values.ts';
import type { QuantNasConfig } from './config.ts';
import { quantNasTensors } from './names.ts';

type Facts = Pick<RestorationFacts, 'convolutions' | 'blockVectors' | 'cell'>;

/** Cells that were found differ, so each has a part of all convolutions. */
export function blocksOfCells(config: QuantNasConfig): Facts {
  const { L } = config;
  const inBlocks = quantNasTensors(config).filter(({ place }) => typeof place === 'number');
  const [matrices, vectors] = [true, false].map((isMatrix) =>
    inBlocks.filter(({ kind }) => (kind === 'conv') === isMatrix),
  ) as [typeof inBlocks, typeof inBlocks];
  return {
    convolutions: matrices.map((spec) => {
      const [out = 1, inputs = 1] = shapeInMemory(spec);
      const path = spec.name.replace(/\.weight$/, '');
      return { path, out, in: inputs, kernel: spec.shape.at(-1) ?? 1, share: 1 / L };
    }),
    blockVectors: valuesOf(vectors) / L,
    cell: cellValues(config),
  };
}
