import { planted } from './reader.ts';

export const target = planted('h');
