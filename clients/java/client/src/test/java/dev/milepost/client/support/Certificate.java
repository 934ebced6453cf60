package dev.milepost.client.support;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Base64;

/** A certificate for localhost that signs itself, with its key, as PEM files. */
public record Certificate(Path certificate, Path key) {
    private static final String PASSWORD = "changeit";

    /** Makes one with the JDK's keytool. */
    public static Certificate make() {
        try {
            Path folder = Files.createTempDirectory("milepost-tls-");
            Folders.deleteAtEnd(folder);
            Path store = folder.resolve("store.p12");
            String keytool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
            Process made = new ProcessBuilder(
                            keytool, "-genkeypair", "-alias", "server", "-keyalg", "EC", "-dname", "CN=localhost",
                            "-ext", "SAN=dns:localhost", "-storetype", "PKCS12", "-keystore", store.toString(),
                            "-storepass", PASSWORD)
                    .redirectErrorStream(true)
                    .start();
            String said = new String(made.getInputStream().readAllBytes());
            if (made.waitFor() != 0) {
                throw new IllegalStateException("keytool: " + said);
            }
            KeyStore keys = KeyStore.getInstance("PKCS12");
            try (InputStream file = Files.newInputStream(store)) {
                keys.load(file, PASSWORD.toCharArray());
            }
            return new Certificate(
                    pem(folder.resolve("certificate.pem"), "CERTIFICATE", keys.getCertificate("server").getEncoded()),
                    pem(folder.resolve("key.pem"), "PRIVATE KEY",
                            keys.getKey("server", PASSWORD.toCharArray()).getEncoded()));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        } catch (GeneralSecurityException | InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }

    private static Path pem(Path file, String kind, byte[] content) throws IOException {
        String text = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(content);
        return Files.writeString(file, "-----BEGIN " + kind + "-----\n" + text + "\n-----END " + kind + "-----\n");
    }
}
