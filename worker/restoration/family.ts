// Networks that restore pictures as a family of models.
import { type Family, valuesOf } from '../families/family.ts';
import { blocksOfCells } from '../quantnas/facts.ts';
import {
  convolutionsOfBlock,
  kernelEdge,
  type RestorationConfig,
  readRestorationConfig,
  restorationNames,
} from './config.ts';
import { restorationTensors, stagesOf } from './names.ts';

/** Tensors are called as in published files. */
const sameName = (name: string): string => name;

export const restorationFamily: Family<RestorationConfig> = {
  kind: 'restoration',
  names: restorationNames,
  modelTypes: restorationNames,
  read: readRestorationConfig,
  tensors: restorationTensors,
  tied: () => null,
  canonical: sameName,
  namesInFiles: (name) => [name],
  targets: 'Pixels',
  pipelineTag: 'image-to-image',
  facts(config) {
    const { V, H, L, NH, NK, D, I, colours, scale } = config;
    const inlet = restorationTensors(config).filter(({ place }) => place === 'inlet');
    return {
      ...{ kind: 'restoration', V, H, L, NH, NK, D, I, kernel: kernelEdge },
      ...{ inlet: valuesOf(inlet), pixelValues: colours * scale ** 2 },
      ...(config.family === 'srvgg' ? blocksOfSrvgg(config) : blocksOfCells(config)),
    };
  },
};

/** Two convolutions, each with a bias and slopes. */
function blocksOfSrvgg({ H }: RestorationConfig) {
  const sizes = { out: H, in: H * kernelEdge ** 2, kernel: kernelEdge, share: 1 };
  return {
    convolutions: stagesOf(0).map(({ convolution: path }) => ({ ...sizes, path })),
    ...{ blockVectors: 2 * convolutionsOfBlock * H, cell: null },
  };
}
