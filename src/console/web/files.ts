/** Files as they go to the server. */

export interface SentFile {
  readonly name: string;
  readonly contentType: string;
  readonly base64: string;
}

export async function sentFile(file: File): Promise<SentFile> {
  const address = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(new Error(`'${file.name}' cannot be read`));
    reader.readAsDataURL(file);
  });
  return {
    name: file.name,
    contentType: file.type || "application/octet-stream",
    base64: address.slice(address.indexOf(",") + 1),
  };
}
