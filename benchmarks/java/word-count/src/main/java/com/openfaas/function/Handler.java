package com.openfaas.function;

import com.openfaas.model.AbstractHandler;
import com.openfaas.model.IRequest;
import com.openfaas.model.IResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * word-count: counts the words of the first lines of a text.
 *
 * <p>As in the published workload, the text is shorter than almost all sizes
 * that are drawn, so that nearly every request counts all of it.
 */
public class Handler extends AbstractHandler {
    private static final String TEXT = "/resources/text.txt";

    private final List<String> lines = read(TEXT);
    private final Workload<Excerpt> workload = new Workload<>(
            "word-count", "WordCount", new Workload.Size(26_250, 2_500, 2_500, 50_000),
            this::generate, excerpt -> count(excerpt.text), excerpt -> excerpt.lines);

    /** The first lines of the text. */
    private record Excerpt(int lines, char[] text) {
    }

    @Override
    public IResponse Handle(IRequest request) {
        return workload.serve(request);
    }

    private Excerpt generate(int size) {
        int taken = Math.min(size, lines.size());
        StringBuilder text = new StringBuilder();
        for (String line : lines.subList(0, taken)) {
            text.append(line).append('\n');
        }
        return new Excerpt(taken, text.toString().toCharArray());
    }

    /** The number of words: of letters in a row. */
    static int count(char[] text) {
        int words = 0;
        boolean inWord = false;
        for (char c : text) {
            boolean letter = Character.isLetter(c);
            if (letter && !inWord) {
                words++;
            }
            inWord = letter;
        }
        return words;
    }

    static List<String> read(String resource) {
        try (InputStream in = Handler.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalStateException("no " + resource + " on the class path: see resources.sh");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
