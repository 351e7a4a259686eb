// Files of a generated project: their contents, and a function that writes them to a folder.
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The text of a file, the target of a symbolic link, or the text of an executable file. */
export type Content = string | { readonly link: string } | { readonly exe: string };

/** Contents by path, relative to the top of a checkout. */
export type FileSet = ReadonlyMap<string, Content>;

/** Writes the files below `top`; folders are created. */
export async function writeFiles(top: string, files: FileSet): Promise<void> {
  for (const [name, content] of files) {
    const path = join(top, name);
    await mkdir(dirname(path), { recursive: true });
    if (typeof content === 'string') await writeFile(path, content);
    else if ('link' in content) await symlink(content.link, path);
    else {
      await writeFile(path, content.exe);
      await chmod(path, 0o755);
    }
  }
}
