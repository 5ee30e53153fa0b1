// The JDBC driver of Arrow Flight SQL against a server whose source `shop` is a Postgres database.
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

public class JdbcClient {
    public static void main(String[] arguments) throws Exception {
        String url = "jdbc:arrow-flight-sql://" + arguments[0] + "/?useEncryption=false";
        try (Connection connection = DriverManager.getConnection(url)) {
            readsEveryType(connection);
            bindsEveryType(connection);
            changes(connection);
            trainsAndPredicts(connection);
            describes(connection.getMetaData());
            failsClearly(connection);
        }
        Connection inShop = DriverManager.getConnection(url + "&catalog=shop&user=ann&password=pw");
        try (Statement statement = inShop.createStatement();
                ResultSet rows = statement.executeQuery("SELECT count(*) FROM public.orders")) {
            rows.next();
            same(rows.getLong(1), 100L);
        }
        try {
            inShop.close();
        } catch (SQLException error) {
            // The driver closes its channel before it ends the session.
            same(error.getMessage(), "Channel shutdown invoked");
        }
        boolean refused = false;
        try (Connection connection = DriverManager.getConnection(url + "&catalog=nowhere&user=ann&password=pw")) {
            connection.getMetaData();
        } catch (SQLException error) {
            refused = true;
        }
        same(refused, true);
        System.out.println("done");
    }

    static void readsEveryType(Connection connection) throws SQLException {
        String sql = "SELECT k.*, arrow_cast(200, 'UInt8') AS small, arrow_cast(18446744073709551615, 'UInt64') AS huge, "
            + "arrow_cast('view', 'Utf8View') AS view, arrow_cast('large', 'LargeUtf8') AS large, "
            + "arrow_cast(1.5, 'Float16') AS half, named_struct('a', 1) AS pair FROM shop.public.kinds k ORDER BY id";
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            same(rows.getLong("id"), 1L);
            same(rows.getBigDecimal("amount"), new BigDecimal("12345678.90"));
            same(rows.getTimestamp("placed").toInstant().toString(), "2024-03-01T10:00:00Z");
            same(rows.getString("naive").startsWith("2024-03-01 10:00:00.123"), true);
            same(rows.getDate("day").toString(), "2024-03-01");
            same(rows.getBoolean("flag"), true);
            same(rows.getBytes("bytes").length, 2);
            same(rows.getDouble("ratio"), 0.25);
            same(rows.getInt("whole"), 7);
            same(rows.getString("name"), "ünï");
            same(((Object[]) rows.getArray("tags").getArray()).length, 3);
            same(((Number) rows.getObject("small")).intValue(), 200);
            same(rows.getObject("huge").toString(), "18446744073709551615");
            same(rows.getString("view") + rows.getString("large"), "viewlarge");
            same(rows.getFloat("half"), 1.5f);
            same(rows.getObject("pair").toString().contains("1"), true);
            rows.next();
            for (String column : new String[] {"amount", "placed", "naive", "day", "flag", "bytes", "ratio", "whole", "name", "tags"}) {
                same(rows.getObject(column), null);
                same(rows.wasNull(), true);
            }
            same(rows.next(), false);
        }
    }

    static void trainsAndPredicts(Connection connection) throws SQLException {
        String points = "(SELECT value AS x, 2 * value + 1 AS y, value % 2 = 0 AS even FROM generate_series(1, 40))";
        try (Statement statement = connection.createStatement()) {
            String options = "OPTIONS (target = 'y', algorithm = 'linear', params = 'l2 = 0') AS SELECT x, y FROM " + points + " p";
            try (ResultSet rows = statement.executeQuery("CREATE MODEL jdbc_line " + options)) {
                rows.next();
                same(rows.getString("name"), "public.jdbc_line");
                same(rows.getLong("version"), 1L);
                same(rows.getString("status"), "trained");
                same(rows.next(), false);
            }
            statement.executeQuery("CREATE MODEL jdbc_even OPTIONS (target = 'even', algorithm = 'boosting') AS SELECT x, even FROM " + points + " p")
                .close();
        }
        String sql = "SELECT p.*, predict('jdbc_line', x) AS line FROM ML_PREDICT(MODEL => 'jdbc_even', (SELECT * FROM " + points
            + " q WHERE x = ?)) p";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setLong(1, 4);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                same(rows.getObject("predicted_even") instanceof Boolean, true);
                same(rows.getDouble("probability") > 0, true);
                same(rows.getObject("probabilities").toString().contains("true"), true);
                same(Math.abs(rows.getDouble("line") - 9) < 0.5, true);
            }
        }
        try (Statement statement = connection.createStatement()) {
            same(statement.executeUpdate("DROP MODEL jdbc_line"), 1);
            same(statement.executeUpdate("DROP MODEL jdbc_even"), 1);
        }
    }

    static void bindsEveryType(Connection connection) throws SQLException {
        String sql = "SELECT count(*) FROM shop.public.kinds WHERE id = ? AND amount = ? AND day = ? AND naive > ? AND flag = ? "
            + "AND ratio = ? AND whole = ? AND name = ?";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            same(statement.getParameterMetaData().getParameterCount(), 8);
            for (int round = 0; round < 3; round++) {
                statement.setLong(1, round == 1 ? 2 : 1);
                statement.setBigDecimal(2, new BigDecimal("12345678.90"));
                statement.setDate(3, Date.valueOf("2024-03-01"));
                statement.setTimestamp(4, Timestamp.valueOf("2024-02-01 00:00:00"));
                statement.setBoolean(5, true);
                statement.setDouble(6, 0.25);
                statement.setInt(7, 7);
                statement.setString(8, "ünï");
                try (ResultSet rows = statement.executeQuery()) {
                    rows.next();
                    same(rows.getLong(1), round == 1 ? 0L : 1L);
                }
            }
            statement.setNull(1, Types.BIGINT);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                same(rows.getLong(1), 0L);
            }
        }
    }

    static void changes(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate("DELETE FROM shop.public.target WHERE id >= 0");
            same(statement.executeUpdate("INSERT INTO shop.public.target (id, name) VALUES (1, 'a'), (2, 'b')"), 2);
            same(statement.execute("SELECT 1"), true);
            same(statement.execute("DELETE FROM shop.public.target WHERE id = 2"), false);
            same(statement.getUpdateCount(), 1);
        }
        try (PreparedStatement statement = connection.prepareStatement("INSERT INTO shop.public.target (id, name) VALUES (?, ?)")) {
            statement.setLong(1, 3);
            statement.setString(2, "c");
            same(statement.executeUpdate(), 1);
            for (long id = 10; id < 15; id++) {
                statement.setLong(1, id);
                statement.setString(2, "batch " + id);
                statement.addBatch();
            }
            statement.executeBatch();
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT count(*), min(id), max(name) FROM shop.public.target")) {
            rows.next();
            same(rows.getLong(1) + "|" + rows.getLong(2) + "|" + rows.getString(3), "7|1|c");
        }
    }

    static void describes(DatabaseMetaData metadata) throws SQLException {
        same(metadata.getDatabaseProductName(), "Headwater");
        same(metadata.getIdentifierQuoteString(), "\"");
        same(metadata.supportsTransactions(), false);
        same(metadata.supportsBatchUpdates(), true);
        same(metadata.supportsOuterJoins(), true);
        same(metadata.supportsUnionAll(), true);
        same(metadata.getSearchStringEscape(), "\\");
        same(metadata.isReadOnly(), false);
        same(metadata.getNumericFunctions().contains("abs"), true);
        same(texts(metadata.getCatalogs(), "TABLE_CAT").contains("shop"), true);
        List<String> schemas = texts(metadata.getSchemas("shop", "%"), "TABLE_SCHEM");
        same(schemas.contains("public") && schemas.contains("empty"), true);
        same(texts(metadata.getTables("shop", "public", "ord%", new String[] {"TABLE"}), "TABLE_NAME"), List.of("orders"));
        same(texts(metadata.getTables("shop", "public", "a\\_b", null), "TABLE_NAME"), List.of("a_b"));
        same(texts(metadata.getTables("shop", "public", "a_b", null), "TABLE_NAME"), List.of("aXb", "a_b"));
        same(texts(metadata.getTableTypes(), "TABLE_TYPE").contains("MATERIALIZED VIEW"), true);
        List<String> columns = texts(metadata.getColumns("shop", "public", "orders", "%"), "COLUMN_NAME");
        same(columns, List.of("id", "customer", "amount", "note"));
        try (ResultSet rows = metadata.getColumns("shop", "public", "orders", "amount")) {
            rows.next();
            same(rows.getString("TYPE_NAME").toLowerCase().startsWith("numeric"), true);
            same(rows.getInt("COLUMN_SIZE") + "," + rows.getInt("DECIMAL_DIGITS"), "12,2");
            same(rows.getInt("DATA_TYPE"), Types.DECIMAL);
        }
        same(texts(metadata.getPrimaryKeys("shop", "public", "orders"), "COLUMN_NAME"), List.of("id"));
        try (ResultSet rows = metadata.getImportedKeys("shop", "public", "orders")) {
            rows.next();
            same(rows.getString("PKTABLE_NAME") + "." + rows.getString("PKCOLUMN_NAME"), "customer.id");
            same(rows.getInt("DELETE_RULE"), DatabaseMetaData.importedKeyCascade);
        }
        same(texts(metadata.getExportedKeys("shop", "public", "customer"), "FKTABLE_NAME"), List.of("orders"));
        same(texts(metadata.getCrossReference("shop", "public", "customer", "shop", "public", "orders"), "FKCOLUMN_NAME"),
            List.of("customer"));
        metadata.getTypeInfo().close();
    }

    static void failsClearly(Connection connection) throws SQLException {
        for (String[] wrong : new String[][] {
            {"SELEC 1", "SELEC"}, {"SELECT nothing", "nothing"}, {"SELECT * FROM shop.public.nowhere", "nowhere"},
            {"SELECT 1 / (id - 5) FROM shop.public.orders", "ivide by zero"},
        }) {
            try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(wrong[0])) {
                while (rows.next()) {
                    rows.getObject(1);
                }
                throw new AssertionError(wrong[0] + " is no error");
            } catch (SQLException error) {
                StringBuilder text = new StringBuilder();
                for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                    text.append(cause.getMessage()).append('\n');
                }
                same(text.toString().contains(wrong[1]) ? "" : text.toString(), "");
            }
        }
    }

    static List<String> texts(ResultSet rows, String column) throws SQLException {
        List<String> found = new ArrayList<>();
        try (rows) {
            while (rows.next()) {
                found.add(rows.getString(column));
            }
        }
        return found;
    }

    static void same(Object found, Object expected) {
        if (!Objects.equals(found, expected)) {
            throw new AssertionError("found " + found + ", expected " + expected);
        }
    }
}
