// What is known of an image that was assembled, as it is kept between runs. Apart from what assembles one, which takes long to load.
import { isDigest } from '../core/digest.ts';
import { isListOf, isTable, isText } from '../core/stored-values.ts';
import type { AssembledImage, ImagePartition } from './image.ts';

/** Whether a stored value is about an image. */
export function isAssembledImage(value: unknown): value is AssembledImage {
  if (!isTable(value)) return false;
  const { bytes, sha256, diskGuid = '', partitions } = value;
  return typeof bytes === 'number' && isDigest(sha256) && isText(diskGuid) && isListOf(partitions, isPartition);
}

function isPartition(value: unknown): value is ImagePartition {
  if (!isTable(value)) return false;
  const { name, typeGuid, guid, startLba, sizeBytes, fileSystem, fileSystemId, encrypted = true } = value;
  const texts = [name, typeGuid, guid, fileSystem, fileSystemId];
  return texts.every(isText) && [startLba, sizeBytes].every((one) => typeof one === 'number') && encrypted === true;
}
