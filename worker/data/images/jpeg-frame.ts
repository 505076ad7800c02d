// The frame of a JPEG: size, components with their sampling, and room for their coefficients.
import { UnusableRecord } from '../../files/unusable-record.ts';
import { type ImageLimits, requireSize } from './image.ts';
import { damagedJpeg } from './jpeg-damage.ts';

export interface Component {
  readonly id: number;
  /** Samples in each direction for `maxH` and `maxV` pixels. */
  readonly h: number;
  readonly v: number;
  readonly quantizationId: number;
  /** Blocks of 8 x 8 that the picture covers. */
  readonly columns: number;
  readonly rows: number;
  /** Blocks of a stored row, with those that only fill the last group up. */
  readonly stride: number;
  /** `[rows and fillers, stride, 64]`, in rows of a block. */
  readonly coefficients: Int16Array;
  /** In the order of the file; set by the first scan of the component. */
  quantization: Uint16Array | undefined;
}

export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly isProgressive: boolean;
  readonly maxH: number;
  readonly maxV: number;
  /** Groups of blocks of all components: `maxH` x `maxV` blocks of the finest one. */
  readonly groupColumns: number;
  readonly groupRows: number;
  readonly components: readonly Component[];
}

const kinds: Readonly<Record<number, string>> = {
  192: 'baseline',
  193: 'extended',
  194: 'progressive',
};

export function readFrame(marker: number, body: Uint8Array, limits: ImageLimits): Frame {
  if (kinds[marker] === undefined) {
    throw new UnusableRecord(
      `is a JPEG of the coding SOF${marker - 0xc0}; baseline and progressive Huffman coding are read · save it as PNG`,
    );
  }
  const word = (at: number) => ((body[at] ?? 0) << 8) | (body[at + 1] ?? 0);
  const [bits, height, width, count = 0] = [body[0], word(1), word(3), body[5]];
  if (body.length < 6 + 3 * count) throw damagedJpeg('has a frame that is cut');
  if (bits !== 8) {
    throw new UnusableRecord(
      `is a JPEG of ${bits} bits a sample; 8 bits are read · save it with 8 bits`,
    );
  }
  if (count !== 1 && count !== 3) {
    throw new UnusableRecord(
      `is a JPEG of ${count} components; 1 (grey) and 3 (colour) are read · save it as RGB`,
    );
  }
  requireSize('JPEG', width, height, limits);
  const stated = Array.from({ length: count }, (_, i) => {
    const [id = 0, sampling = 0, quantizationId = 0] = body.subarray(6 + 3 * i);
    return { id, h: sampling >> 4, v: sampling & 15, quantizationId };
  });
  // A single component has nothing to be sampled against.
  return frameOf(width, height, marker === 0xc2, count === 1 ? stated.map(alone) : stated);
}

type Stated = Pick<Component, 'id' | 'h' | 'v' | 'quantizationId'>;

function alone(component: Stated): Stated {
  return { ...component, h: 1, v: 1 };
}

function frameOf(
  width: number,
  height: number,
  isProgressive: boolean,
  stated: readonly Stated[],
): Frame {
  const maxH = Math.max(...stated.map(({ h }) => h));
  const maxV = Math.max(...stated.map(({ v }) => v));
  for (const { h, v, quantizationId } of stated) {
    if (h < 1 || v < 1 || maxH > 4 || maxV > 4 || quantizationId > 3) {
      throw damagedJpeg('states a component that cannot be');
    }
    if (maxH % h !== 0 || maxV % v !== 0) {
      throw new UnusableRecord(
        `is a JPEG whose colours are sampled ${h} x ${v} for ${maxH} x ${maxV}; whole ratios are read · save it as PNG`,
      );
    }
  }
  if (new Set(stated.map(({ id }) => id)).size < stated.length) {
    throw damagedJpeg('states a component twice');
  }
  const groupColumns = Math.ceil(width / (8 * maxH));
  const groupRows = Math.ceil(height / (8 * maxV));
  const components = stated.map((component) => {
    const { h, v } = component;
    const stride = groupColumns * h;
    return {
      ...component,
      columns: Math.ceil(Math.ceil((width * h) / maxH) / 8),
      rows: Math.ceil(Math.ceil((height * v) / maxV) / 8),
      stride,
      coefficients: new Int16Array(groupRows * v * stride * 64),
      quantization: undefined,
    };
  });
  return { width, height, isProgressive, maxH, maxV, groupColumns, groupRows, components };
}
