// Records of pictures with a class: a picture is named by its path, as in JSON lines and metadata
// of the hub, or its file is in the record, as in parquet files of the hub.
import { toLabel } from './class-labels.ts';
import { fileOf, isFileValue, textOf } from './file-values.ts';
import type { Shape } from './formats.ts';

/** Names of the field that has the picture. */
const pictureKeys = ['image', 'img', 'file_name'] as const;

export const pictureShapes: readonly Shape[] = pictureKeys.map((key) => ({
  name: `${key} with a class`,
  formats: ['ImageClassification'],
  keys: [key, 'label'],
  claims: (record) => isFileValue(record[key]) && record['label'] !== undefined,
  convert: (record) => ({
    type: 'ImageClassification',
    picture: fileOf(record[key], 'picture'),
    label: toLabel(textOf(record['label'])),
  }),
}));
