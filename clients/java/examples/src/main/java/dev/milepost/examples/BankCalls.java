package dev.milepost.examples;

import dev.milepost.client.models.Column;
import dev.milepost.client.models.ColumnType;
import dev.milepost.client.models.Schema;
import dev.milepost.client.models.Signature;
import dev.milepost.client.models.TensorSpec;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoostError;

/**
 * Telephone calls of a Portuguese bank, 2008 to 2010, and whether the client then opened a deposit: the data "Bank
 * Marketing" of the UCI repository (Moro, Cortez, Rita: A Data-Driven Approach to Predict the Success of Bank
 * Telemarketing, 2014). Left out is how long a call took, since nobody knows that before calling.
 */
final class BankCalls {
    /** What is known before a call. */
    static final List<String> FEATURES = List.of(
            "age", "balance", "in_default", "housing_loan", "personal_loan", "cellular", "day", "month", "calls",
            "days_since_last", "earlier_calls", "bought_before");

    private static final Set<String> YES_OR_NO =
            Set.of("in_default", "housing_loan", "personal_loan", "cellular", "bought_before");
    private static final List<String> MONTHS =
            List.of("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec");

    private final List<Call> calls;

    private BankCalls(List<Call> calls) {
        this.calls = calls;
    }

    /** One call: whole numbers, or 1 for yes and 0 for no, in the order of {@link #FEATURES}. */
    record Call(float[] features, boolean deposit) {}

    /** Data to learn from, and data to judge by. */
    record Split(BankCalls training, BankCalls test) {}

    /** The same four fifths and one fifth every time. */
    static Split split() throws IOException {
        List<Call> all = read();
        Collections.shuffle(all, new Random(0));
        int boundary = all.size() * 4 / 5;
        return new Split(new BankCalls(all.subList(0, boundary)), new BankCalls(all.subList(boundary, all.size())));
    }

    /** What the model takes, with the types that a caller has, and what it gives: a probability for each row. */
    static Signature signature() {
        Column[] columns = FEATURES.stream()
                .map(name -> Column.of(name, isYesOrNo(name) ? ColumnType.BOOLEAN : ColumnType.LONG))
                .toArray(Column[]::new);
        return Signature.of(Schema.columns(columns), Schema.tensors(TensorSpec.unnamed("float32", -1)));
    }

    static boolean isYesOrNo(String feature) {
        return YES_OR_NO.contains(feature);
    }

    int size() {
        return calls.size();
    }

    List<Call> calls() {
        return calls;
    }

    /** The first calls. */
    BankCalls first(int count) {
        return new BankCalls(calls.subList(0, count));
    }

    /** The features as a caller has them: numbers and truth values. */
    List<List<Object>> rows() {
        return calls.stream().map(call -> row(call.features())).toList();
    }

    /** As XGBoost takes them. */
    DMatrix matrix() throws XGBoostError {
        float[] values = new float[size() * FEATURES.size()];
        float[] labels = new float[size()];
        for (int row = 0; row < size(); row++) {
            System.arraycopy(calls.get(row).features(), 0, values, row * FEATURES.size(), FEATURES.size());
            labels[row] = calls.get(row).deposit() ? 1 : 0;
        }
        DMatrix matrix = new DMatrix(values, size(), FEATURES.size(), Float.NaN);
        matrix.setLabel(labels);
        return matrix;
    }

    private static List<Object> row(float[] features) {
        List<Object> row = new ArrayList<>();
        for (int i = 0; i < features.length; i++) {
            row.add(isYesOrNo(FEATURES.get(i)) ? (Object) (features[i] == 1) : (Object) (long) features[i]);
        }
        return row;
    }

    private static List<Call> read() throws IOException {
        List<Call> calls = new ArrayList<>();
        try (BufferedReader lines = new BufferedReader(
                new InputStreamReader(BankCalls.class.getResourceAsStream("/bank-full.csv"), StandardCharsets.UTF_8))) {
            lines.readLine(); // names
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                calls.add(parse(line.replace("\"", "").split(";")));
            }
        }
        return calls;
    }

    private static Call parse(String[] cells) {
        float[] features = {
            Float.parseFloat(cells[0]),
            Float.parseFloat(cells[5]),
            flag(cells[4].equals("yes")),
            flag(cells[6].equals("yes")),
            flag(cells[7].equals("yes")),
            flag(cells[8].equals("cellular")),
            Float.parseFloat(cells[9]),
            MONTHS.indexOf(cells[10]) + 1,
            Float.parseFloat(cells[12]),
            Float.parseFloat(cells[13]),
            Float.parseFloat(cells[14]),
            flag(cells[15].equals("success")),
        };
        return new Call(features, cells[16].equals("yes"));
    }

    private static float flag(boolean yes) {
        return yes ? 1 : 0;
    }
}
